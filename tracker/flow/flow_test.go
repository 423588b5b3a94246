package flow

import (
	"errors"
	"testing"
	"time"
)

// aTuple has its ends told apart by everything.
func aTuple(p Protocol) Tuple {
	return Tuple{
		Proto: p, Src: MustParseEnd("10.0.0.1:40000"), Dst: MustParseEnd("10.0.0.2:443"),
		VLAN: 1, VLANInner: 2, VLANThird: 3,
	}
}

func TestTuple(t *testing.T) {
	icmp := aTuple(ProtocolICMP)
	icmp.ICMPType, icmp.ICMPID = 8, 7
	for _, tt := range []struct {
		tuple Tuple
		want  string
	}{
		{aTuple(ProtocolTCP), "tcp 10.0.0.1:40000 → 10.0.0.2:443"},
		{aTuple(ProtocolUDP), "udp 10.0.0.1:40000 → 10.0.0.2:443"},
		{aTuple(47), "gre 10.0.0.1 → 10.0.0.2"},
		{icmp, "icmp 10.0.0.1 echo #7 → 10.0.0.2"},
	} {
		if got := tt.tuple.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	tuple := aTuple(ProtocolTCP)
	back := tuple.Reverse()
	if back.Src != tuple.Dst || back.Dst != tuple.Src || back.Proto != tuple.Proto || back.Reverse() != tuple {
		t.Errorf("%s is reversed to %s", tuple, back)
	}
	if tuple.VLANs() != [3]uint16{1, 2, 3} {
		t.Errorf("VLANs %v", tuple.VLANs())
	}
}

// Protocol numbers are IANA's.
func TestProtocols(t *testing.T) {
	for number, want := range map[Protocol]struct {
		name        string
		ports, icmp bool
	}{
		1: {"icmp", false, true}, 2: {"igmp", false, false}, 4: {"ipip", false, false}, 6: {"tcp", true, false},
		17: {"udp", true, false}, 33: {"dccp", true, false}, 41: {"ipv6", false, false}, 47: {"gre", false, false},
		50: {"esp", false, false}, 51: {"ah", false, false}, 58: {"icmpv6", false, true}, 89: {"ospf", false, false},
		103: {"pim", false, false}, 112: {"vrrp", false, false}, 132: {"sctp", true, false}, 136: {"udplite", true, false},
		90: {"90", false, false}, 0: {"0", false, false}, 255: {"255", false, false},
	} {
		if number.String() != want.name || number.HasPorts() != want.ports || number.HasICMP() != want.icmp {
			t.Errorf("%d is %s, ports %v, ICMP %v", uint8(number), number, number.HasPorts(), number.HasICMP())
		}
		named, ok := ProtocolNamed(want.name)
		if known := want.name[0] >= 'a'; ok != known || known && named != number {
			t.Errorf("%q is %d, %v", want.name, named, ok)
		}
	}
	for name, want := range map[string]Protocol{"TCP": 6, "icmp6": 58, "ipv6-icmp": 58, "IPv6-ICMP": 58} {
		if got, ok := ProtocolNamed(name); !ok || got != want {
			t.Errorf("%q is %s, %v", name, got, ok)
		}
	}
	named := 0
	for _, name := range protocolNames {
		if name != "" {
			named++
		}
	}
	if named != 16 {
		t.Errorf("%d protocols have names, 16 are tested", named)
	}
}

// Types of ICMP requests are those of RFC 792, 950 and 4443.
func TestICMPTypes(t *testing.T) {
	for _, tt := range []struct {
		p    Protocol
		n    uint8
		want string
	}{
		{ProtocolICMP, 8, "echo"},
		{ProtocolICMP, 13, "timestamp"},
		{ProtocolICMP, 15, "information"},
		{ProtocolICMP, 17, "mask"},
		{ProtocolICMP, 0, "type 0"},
		{ProtocolICMP, 128, "type 128"},
		{ProtocolICMPv6, 128, "echo"},
		{ProtocolICMPv6, 8, "type 8"},
		{ProtocolICMPv6, 129, "type 129"},
	} {
		if got := ICMPTypeName(tt.p, tt.n); got != tt.want {
			t.Errorf("%s %d is %q, want %q", tt.p, tt.n, got, tt.want)
		}
	}
}

func TestFlowSums(t *testing.T) {
	f := Flow{
		ID: 0xab, Tuple: aTuple(ProtocolTCP), Timeout: 10 * time.Second, Idle: 3 * time.Second,
		Origin: Half{Packets: 5, Bytes: 700, BPS: 40}, Reply: Half{Packets: 2, Bytes: 90, BPS: 8},
	}
	if f.Packets() != 7 || f.Bytes() != 790 || f.BPS() != 48 {
		t.Errorf("%d packets, %d bytes, %v b/s", f.Packets(), f.Bytes(), f.BPS())
	}
	for since, want := range map[time.Duration]time.Duration{0: 7 * time.Second, 4 * time.Second: 3 * time.Second, time.Minute: 0} {
		if got := f.TTL(since); got != want {
			t.Errorf("%s later %s are left, want %s", since, got, want)
		}
	}
	if f.Ref() != (Ref{ID: f.ID, Tuple: f.Tuple}) || f.ID.String() != "00000000000000ab" {
		t.Errorf("%+v, %s", f.Ref(), f.ID)
	}
	if (Half{}).Seen() || !(Half{Packets: 1}).Seen() {
		t.Error("a packet was not seen, or none was")
	}
}

// A traced packet is matched as its flow: with the tuple of the flow's first packet,
// the interface that it came in by, and the state before the end.
func TestTraceMatching(t *testing.T) {
	out := Trace{Flow: 7, Tuple: aTuple(ProtocolTCP), In: 1, From: StateSynSent, To: StateEstablished}
	if f := out.Matching(); f.ID != 7 || f.Tuple != out.Tuple || f.In != 1 || f.State != StateEstablished {
		t.Errorf("%+v", f)
	}
	back := out
	back.Direction, back.To = Reply, StateNone
	if f := back.Matching(); f.Tuple != out.Tuple.Reverse() || f.In != 0 || f.State != StateSynSent {
		t.Errorf("%+v", f)
	}
}

// A watched packet that answers is in the flow whose first packet went the other way.
func TestTraceMatchingOutgoing(t *testing.T) {
	for _, c := range []struct {
		watched, outgoing bool
		direction         Direction
		want              bool
	}{
		{false, false, Origin, false},
		{false, false, Reply, false},
		{true, false, Origin, false},
		{true, true, Origin, true},
		{true, false, Reply, true},
		{true, true, Reply, false},
	} {
		trace := Trace{Watched: c.watched, Outgoing: c.outgoing, Direction: c.direction}
		if got := trace.Matching().Outgoing; got != c.want {
			t.Errorf("%+v: outgoing %t", c, got)
		}
	}
}

func TestTraceReason(t *testing.T) {
	for _, tt := range []struct {
		verdict Verdict
		want    string
	}{
		{VerdictNew, ""}, {VerdictEstablished, ""}, {VerdictRelated, ""}, {VerdictInvalid, "reset"}, {VerdictUntracked, "fragment"},
	} {
		trace := Trace{Verdict: tt.verdict, Invalid: InvalidReset, Untracked: UntrackedFragment}
		if got := trace.Reason(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.verdict, got, tt.want)
		}
	}
}

func TestBounds(t *testing.T) {
	if DefaultMaxFlows != 65_536 || MinMaxFlows != 16 || MaxMaxFlows != 16_777_216 {
		t.Errorf("%d, %d to %d flows", DefaultMaxFlows, MinMaxFlows, MaxMaxFlows)
	}
	if MinTimeout != time.Second || MaxTimeout != 315_360_000*time.Second {
		t.Errorf("%s to %s", MinTimeout, MaxTimeout)
	}
}

func TestCheckMaxFlows(t *testing.T) {
	for n, want := range map[int]int{
		0: DefaultMaxFlows, MinMaxFlows: MinMaxFlows, MaxMaxFlows: MaxMaxFlows, 1000: 1000,
		MinMaxFlows - 1: -1, MaxMaxFlows + 1: -1, -1: -1,
	} {
		var usage *UsageError
		got, err := CheckMaxFlows(n)
		if want < 0 && (!errors.As(err, &usage) || got != 0) || want >= 0 && (err != nil || got != want) {
			t.Errorf("%d is %d, %v", n, got, err)
		}
	}
}
