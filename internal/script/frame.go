package script

import (
	"encoding/binary"
	"net/netip"

	"ctop/internal/frame"
)

// Ends are the two ends of a conversation: their addresses and ports, and the
// ID of ICMP queries.
type Ends struct {
	Addr [2]netip.Addr
	Port [2]uint16
	ID   uint16
}

// Crossed returns the ends with exchanged ports and the same addresses.
func (e Ends) Crossed() Ends {
	e.Port[0], e.Port[1] = e.Port[1], e.Port[0]
	return e
}

// V6 reports whether the ends use IPv6.
func (e Ends) V6() bool { return e.Addr[0].Is6() }

// quotedSize is the number of bytes of an IP packet that an ICMP error quotes.
const quotedSize = 128

// Frame returns the packet of a step. quoted is the last IP packet in the other
// direction, for steps that quote it. The caller handles crossed steps.
func (e Ends) Frame(s *Step, quoted []byte) frame.Frame {
	d, v6 := s.Dir(), e.V6()
	f := frame.Frame{Src: e.Addr[d], Dst: e.Addr[1-d], Proto: s.Kind.Proto(v6)}
	if s.Spoiled {
		f.Checksum = frame.Wrong
	}
	switch s.Kind {
	case TCP:
		f.L4 = s.segment(e.Port[d], e.Port[1-d])
	case UDP:
		f.L4 = frame.Datagram(e.Port[d], e.Port[1-d], int(s.Len))
	case Quote:
		f.L4 = append(frame.ICMP(s.Kind.Type(v6), portUnreachable(v6), 0, 0), quoted[:min(len(quoted), quotedSize)]...)
	case GRE, ESP:
		f.L4 = frame.Payload(8 + int(s.Len))
	default:
		f.L4 = frame.ICMP(s.Kind.Type(v6), 0, e.ID, int(s.Len))
	}
	return f
}

// portUnreachable returns the code for port unreachable (RFC 792, RFC 4443).
func portUnreachable(v6 bool) uint8 {
	if v6 {
		return 4
	}
	return 3
}

func (s *Step) segment(sport, dport uint16) []byte {
	return frame.Segment{
		Flags: s.Flags, Seq: s.Seq, Ack: s.Ack, Window: s.Window, Options: s.options(),
		Payload: int(s.Len), Sport: sport, Dport: dport,
	}.Bytes()
}

func (s *Step) options() (b []byte) {
	if s.Scale != NoScale {
		b = append(b, 2, 4, 5, 180, 1, 3, 3, byte(s.Scale))
	}
	if s.SackOK {
		b = append(b, 4, 2, 1, 1)
	}
	if s.Sack[0] != s.Sack[1] {
		b = append(b, 1, 1, 5, 10)
		b = binary.BigEndian.AppendUint32(b, s.Sack[0])
		b = binary.BigEndian.AppendUint32(b, s.Sack[1])
	}
	return b
}
