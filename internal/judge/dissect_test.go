package judge

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// shot is one packet of a capture, in the form for each tracker, with its
// content.
type shot struct {
	// frames are for ctop. packets are the IP packets without padding, for the
	// kernel. A packet in fragments has several.
	frames, packets [][]byte
	src, dst        netip.Addr
	ports           [2]uint16
	id              uint16
	vlan            [2]uint16
	step            script.Step
	// opaque is true for packets without a comparable tuple: fragments, ICMP
	// errors, neighbour discovery, other protocols.
	opaque   bool
	fragment bool
	// cut is true if the first fragment does not contain the whole TCP header.
	cut   bool
	proto byte
}

// dissect parses a frame. It returns nil for a frame without an IP packet.
func dissect(data []byte) *shot {
	s := &shot{frames: [][]byte{data}, step: script.Step{Scale: script.NoScale}}
	ethertype, offset := uint16(0), 12
	for tags := 0; offset+2 <= len(data); tags++ {
		ethertype = binary.BigEndian.Uint16(data[offset:])
		offset += 2
		if ethertype != 0x8100 && ethertype != 0x88a8 || tags == 2 || offset+2 > len(data) {
			break
		}
		s.vlan[tags] = binary.BigEndian.Uint16(data[offset:]) & 0xfff
		offset += 2
	}
	rest := data[min(offset, len(data)):]
	switch {
	case ethertype == 0x0800 && len(rest) >= 20:
		return s.ipv4(rest)
	case ethertype == 0x86dd && len(rest) >= 40:
		return s.ipv6(rest)
	}
	return nil
}

func (s *shot) ipv4(p []byte) *shot {
	if total := int(binary.BigEndian.Uint16(p[2:])); total >= 20 && total <= len(p) {
		p = p[:total]
	}
	packet := append([]byte(nil), p...)
	// The router would drop packets at their last hop and badly anonymised
	// ones.
	packet[8] = max(packet[8], 64)
	packet[10], packet[11] = 0, 0
	header := min(int(p[0]&15)*4, len(p))
	binary.BigEndian.PutUint16(packet[10:], ^frame.Fold(frame.Sum(packet[:header])))
	s.packets = [][]byte{packet}
	s.src, s.dst = netip.AddrFrom4([4]byte(p[12:])), netip.AddrFrom4([4]byte(p[16:]))
	s.proto = p[9]
	s.fragment = binary.BigEndian.Uint16(p[6:])&0x3fff != 0
	s.transport(gopacket.NewPacket(p, layers.LayerTypeIPv4, gopacket.NoCopy))
	return s
}

func (s *shot) ipv6(p []byte) *shot {
	if total := int(binary.BigEndian.Uint16(p[4:])) + 40; total > 40 && total <= len(p) {
		p = p[:total]
	}
	packet := append([]byte(nil), p...)
	packet[7] = max(packet[7], 64)
	s.packets = [][]byte{packet}
	s.src, s.dst = netip.AddrFrom16([16]byte(p[8:])), netip.AddrFrom16([16]byte(p[24:]))
	s.proto = p[6]
	s.transport(gopacket.NewPacket(p, layers.LayerTypeIPv6, gopacket.NoCopy))
	return s
}

// transport reads the first layer above IP.
func (s *shot) transport(p gopacket.Packet) {
	s.opaque = true
	for i, layer := range p.Layers() {
		switch l := layer.(type) {
		case *layers.IPv4, *layers.IPv6:
			if i > 0 {
				return // a tunnel
			}
			continue
		case *layers.IPv6HopByHop, *layers.IPv6Routing, *layers.IPv6Destination:
			continue
		case *layers.IPv6Fragment:
			s.fragment = l.FragmentOffset != 0 || l.MoreFragments
			if !s.fragment { // an atomic one, RFC 6946
				s.transport(gopacket.NewPacket(l.Payload, l.NextHeader.LayerType(), gopacket.NoCopy))
			}
			return
		case *layers.TCP:
			s.proto = frame.ProtoTCP
			s.tcp(l)
		case *layers.UDP:
			s.proto = frame.ProtoUDP
			s.step.Kind, s.ports = script.UDP, [2]uint16{uint16(l.SrcPort), uint16(l.DstPort)}
			s.opaque = s.fragment
		case *layers.ICMPv4:
			s.proto = frame.ProtoICMP
			s.echo(l.TypeCode.Type() == 8, l.TypeCode.Type() == 0, l.Id)
		case *layers.ICMPv6:
			s.proto = frame.ProtoICMPv6
			if payload := l.Payload; len(payload) >= 2 {
				s.echo(l.TypeCode.Type() == 128, l.TypeCode.Type() == 129, binary.BigEndian.Uint16(payload))
			}
		}
		return
	}
}

func (s *shot) echo(request, answer bool, id uint16) {
	s.id = id
	s.step.Kind = script.ESP
	switch {
	case request:
		s.step.Kind = script.Echo
	case answer:
		s.step.Kind = script.EchoReply
	}
	s.opaque = s.fragment || !request && !answer
}

func (s *shot) tcp(l *layers.TCP) {
	s.ports = [2]uint16{uint16(l.SrcPort), uint16(l.DstPort)}
	s.opaque = s.fragment
	t := &s.step
	t.Seq, t.Ack, t.Window, t.Len = l.Seq, l.Ack, l.Window, uint16(len(l.Payload))
	for i, set := range []bool{l.FIN, l.SYN, l.RST, l.PSH, l.ACK, l.URG, l.ECE, l.CWR} {
		if set {
			t.Flags |= 1 << i
		}
	}
	for _, o := range l.Options {
		switch {
		case o.OptionType == layers.TCPOptionKindWindowScale && len(o.OptionData) == 1:
			t.Scale = int16(o.OptionData[0])
		case o.OptionType == layers.TCPOptionKindSACKPermitted:
			t.SackOK = true
		case o.OptionType == layers.TCPOptionKindSACK && len(o.OptionData) >= 8:
			t.Sack = [2]uint32{binary.BigEndian.Uint32(o.OptionData), binary.BigEndian.Uint32(o.OptionData[4:])}
		}
	}
}

// tuple returns the shot's tuple, as seen from the first sender, and sets the
// direction of the step accordingly.
func (s *shot) tuple(known map[tuple]bool) tuple {
	t := tuple{addr: [2]netip.Addr{s.src, s.dst}, port: s.ports, id: s.id, vlan: s.vlan, kind: s.step.Kind}
	if t.kind == script.EchoReply {
		t.kind = script.Echo
	}
	back := t
	back.addr, back.port = [2]netip.Addr{s.dst, s.src}, [2]uint16{s.ports[1], s.ports[0]}
	s.step.Reply = known[back] && !known[t]
	if s.step.Reply {
		return back
	}
	known[t] = true
	return t
}
