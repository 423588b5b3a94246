package main

import (
	"net/netip"

	wire "ctop/internal/frame"
)

// The measured conversation, between one of many clients and a server. In the
// byte order of keys, every client comes before the server.
var (
	client4 = netip.AddrFrom4([4]byte{10, 0, 0, 0})
	server4 = netip.AddrFrom4([4]byte{203, 255, 255, 255})
	client6 = netip.MustParseAddr("fd00::a00:0")
	server6 = netip.MustParseAddr("fd00::cbff:ffff")
)

const (
	clientPort = 40000
	serverPort = 80
	// The sequence numbers of both sides.
	clientSeq = 1000
	serverSeq = 5000
	// payloadSize is the payload of a data segment.
	payloadSize = 64
)

const (
	protoICMP = wire.ProtoICMP
	protoTCP  = wire.ProtoTCP
	protoUDP  = wire.ProtoUDP

	flagFIN = wire.FIN
	flagSYN = wire.SYN
	flagPSH = wire.PSH
	flagACK = wire.ACK
)

// frame describes a packet of the conversation from client to server.
type frame struct {
	six   bool
	vlan  uint16
	proto uint8
	flags uint8
	// size is the payload's length; padding follows the packet.
	size, padding int
	// macs are the destination and source addresses.
	macs [12]byte
}

// Nearly all packets are like these two. The same frame is sent repeatedly, so
// its payload is padding: data would be a retransmission, which takes the long
// path.
func dataFrame() frame { return frame{proto: protoTCP, flags: flagACK | flagPSH, padding: payloadSize} }
func ackFrame() frame  { return frame{proto: protoTCP, flags: flagACK} }

// bytes returns the frame without a transport checksum: the programs change what it is
// over.
func (f frame) bytes() []byte { return f.whole().Bytes() }

func (f frame) whole() wire.Frame {
	whole := wire.Frame{
		MACs: f.macs, Src: client4, Dst: server4, Proto: f.proto, Checksum: wire.AsGiven,
		L4: f.transport(), Padding: f.padding,
	}
	if f.six {
		whole.Src, whole.Dst = client6, server6
	}
	if f.vlan != 0 {
		whole.VLANs = []uint16{f.vlan}
	}
	return whole
}

func (f frame) transport() []byte {
	switch f.proto {
	case protoTCP:
		return wire.Segment{
			Flags: f.flags, Seq: clientSeq, Ack: serverSeq, Window: 0xffff,
			Payload: f.size, Sport: clientPort, Dport: serverPort,
		}.Bytes()
	case protoUDP:
		return wire.Datagram(clientPort, serverPort, f.size)
	default:
		return wire.ICMP(8, 0, clientPort, 0)
	}
}
