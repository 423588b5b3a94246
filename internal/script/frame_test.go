package script_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"ctop/internal/frame"
	"ctop/internal/script"
)

var (
	ends4 = script.Ends{
		Addr: [2]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.9")},
		Port: [2]uint16{40000, 443}, ID: 77,
	}
	ends6 = script.Ends{
		Addr: [2]netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::9")},
		Port: [2]uint16{40000, 443}, ID: 77,
	}
)

func TestFrames(t *testing.T) {
	quoted := frame.Payload(200)
	for _, c := range []struct {
		line           string
		proto4, proto6 uint8
		l4, l6         []byte
	}{
		{"> udp len=5", frame.ProtoUDP, frame.ProtoUDP, frame.Datagram(40000, 443, 5), nil},
		{"< udp", frame.ProtoUDP, frame.ProtoUDP, frame.Datagram(443, 40000, 0), nil},
		{"> echo len=6", frame.ProtoICMP, frame.ProtoICMPv6, frame.ICMP(8, 0, 77, 6), frame.ICMP(128, 0, 77, 6)},
		{"< echo-reply", frame.ProtoICMP, frame.ProtoICMPv6, frame.ICMP(0, 0, 77, 0), frame.ICMP(129, 0, 77, 0)},
		{"> gre len=3", frame.ProtoGRE, frame.ProtoGRE, frame.Payload(11), nil},
		{"> esp", frame.ProtoESP, frame.ProtoESP, frame.Payload(8), nil},
		{
			"< quote", frame.ProtoICMP, frame.ProtoICMPv6,
			append(frame.ICMP(3, 3, 0, 0), quoted[:128]...), append(frame.ICMP(1, 4, 0, 0), quoted[:128]...),
		},
		{
			"> S seq=1 win=9 ws=7 sackok sack=5-9", frame.ProtoTCP, frame.ProtoTCP, frame.Segment{
				Flags: frame.SYN, Seq: 1, Window: 9, Sport: 40000, Dport: 443,
				Options: []byte{2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1, 1, 1, 5, 10, 0, 0, 0, 5, 0, 0, 0, 9},
			}.Bytes(), nil,
		},
		{
			"< PA seq=1 ack=2 win=9 len=5", frame.ProtoTCP, frame.ProtoTCP, frame.Segment{
				Flags: frame.PSH | frame.ACK, Seq: 1, Ack: 2, Window: 9, Payload: 5, Sport: 443, Dport: 40000,
			}.Bytes(), nil,
		},
	} {
		s := parse(t, c.line)[0]
		check(t, ends4, &s, quoted, c.proto4, c.l4)
		if c.l6 == nil {
			c.l6 = c.l4
		}
		check(t, ends6, &s, quoted, c.proto6, c.l6)
	}
}

func check(t *testing.T, e script.Ends, s *script.Step, quoted []byte, proto uint8, l4 []byte) {
	t.Helper()
	f := e.Frame(s, quoted)
	if f.Proto != proto || f.Src != e.Addr[s.Dir()] || f.Dst != e.Addr[1-s.Dir()] || f.Checksum != frame.Right {
		t.Errorf("%s from %s: %+v", s, e.Addr[0], f)
	}
	if !bytes.Equal(f.L4, l4) {
		t.Errorf("%s from %s: %x, want %x", s, e.Addr[0], f.L4, l4)
	}
}

func TestQueriesOfIPv4(t *testing.T) {
	for line, want := range map[string]uint8{
		"> timestamp": 13, "> timestamp-reply": 14, "> info": 15, "> info-reply": 16, "> mask": 17, "> mask-reply": 18,
	} {
		if got := ends4.Frame(&parse(t, line)[0], nil); got.Proto != frame.ProtoICMP || got.L4[0] != want {
			t.Errorf("%s: protocol %d, type %d, want %d", line, got.Proto, got.L4[0], want)
		}
	}
}

func TestSpoiled(t *testing.T) {
	if f := ends4.Frame(&parse(t, "> udp badsum")[0], nil); f.Checksum != frame.Wrong {
		t.Errorf("%+v", f)
	}
}

func TestShortQuote(t *testing.T) {
	if f := ends4.Frame(&parse(t, "> quote")[0], []byte{1, 2}); !bytes.Equal(f.L4, append(frame.ICMP(3, 3, 0, 0), 1, 2)) {
		t.Errorf("%x", f.L4)
	}
}

func TestCrossed(t *testing.T) {
	f := ends4.Crossed().Frame(&parse(t, "> udp")[0], nil)
	if f.Src != ends4.Addr[0] || binary.BigEndian.Uint16(f.L4) != 443 || binary.BigEndian.Uint16(f.L4[2:]) != 40000 {
		t.Errorf("%+v", f)
	}
}
