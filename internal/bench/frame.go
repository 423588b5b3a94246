package main

import (
	"encoding/binary"
	"net/netip"
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

// Protocol numbers.
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// TCP flags.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
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

func (f frame) bytes() []byte {
	b := append([]byte(nil), f.macs[:]...)
	if f.vlan != 0 {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, f.vlan)
	}
	transport := f.transport()
	if f.six {
		b = binary.BigEndian.AppendUint16(b, 0x86dd)
		b = append(b, f.ipv6(len(transport))...)
	} else {
		b = binary.BigEndian.AppendUint16(b, 0x0800)
		b = append(b, f.ipv4(len(transport))...)
	}
	return append(append(b, transport...), make([]byte, f.padding)...)
}

func (f frame) ipv4(payload int) []byte {
	b := make([]byte, 20)
	b[0], b[8], b[9] = 0x45, 64, f.proto
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+payload))
	copy(b[12:], client4.AsSlice())
	copy(b[16:], server4.AsSlice())
	binary.BigEndian.PutUint16(b[10:], ^fold(sumWords(b)))
	return b
}

func (f frame) ipv6(payload int) []byte {
	b := make([]byte, 8, 40)
	b[0], b[6], b[7] = 0x60, f.proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(payload))
	b = append(b, client6.AsSlice()...)
	return append(b, server6.AsSlice()...)
}

func (f frame) transport() []byte {
	var b []byte
	switch f.proto {
	case protoTCP:
		b = make([]byte, 20)
		binary.BigEndian.PutUint32(b[4:], clientSeq)
		binary.BigEndian.PutUint32(b[8:], serverSeq)
		b[12], b[13] = 5<<4, f.flags
		binary.BigEndian.PutUint16(b[14:], 0xffff)
	case protoUDP:
		b = make([]byte, 8)
		binary.BigEndian.PutUint16(b[4:], uint16(8+f.size))
	case protoICMP:
		return []byte{8, 0, 0, 0, clientPort >> 8, clientPort & 0xff, 0, 0}
	}
	binary.BigEndian.PutUint16(b, clientPort)
	binary.BigEndian.PutUint16(b[2:], serverPort)
	return append(b, make([]byte, f.size)...)
}

func sumWords(b []byte) (sum uint32) {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
