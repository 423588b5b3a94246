package kernel

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// tuples of every kind of flow, as their origin shows them.
var tuples = []flow.Tuple{
	tuple(flow.ProtocolTCP, "10.0.0.1:40000", "10.0.0.2:443"),
	tuple(flow.ProtocolTCP, "10.0.0.2:443", "10.0.0.1:40000"),
	tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.1:2"),
	tuple(flow.ProtocolTCP, "10.0.0.1:256", "10.0.0.1:1"),
	tuple(flow.ProtocolUDP, "0.0.0.0:68", "255.255.255.255:67"),
	tuple(flow.ProtocolUDP, "[2001:db8::1]:5353", "[ff02::fb]:5353"),
	tuple(flow.ProtocolUDP, "[fe80::2]:1", "[fe80::1]:65535"),
	tuple(flow.ProtocolTCP, "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2"),
	tuple(47, "10.0.0.9:0", "10.0.0.2:0"),
	tuple(flow.ProtocolSCTP, "[2001:db8::2]:5000", "[2001:db8::1]:4000"),
	tuple(flow.ProtocolSCTP, "10.0.0.9:1", "10.0.0.2:2"),
	tuple(flow.ProtocolDCCP, "10.0.0.9:1", "10.0.0.2:2"),
	tuple(flow.ProtocolUDPLite, "10.0.0.9:1", "10.0.0.2:2"),
	ping(flow.ProtocolICMP, "10.0.0.1", "10.0.0.2", 8, 7),
	ping(flow.ProtocolICMP, "10.0.0.2", "10.0.0.1", 8, 7),
	ping(flow.ProtocolICMP, "10.0.0.2", "10.0.0.1", 13, 65535),
	ping(flow.ProtocolICMPv6, "2001:db8::2", "2001:db8::1", 128, 1),
	vlan(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 5, 0),
	vlan(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 5, 4094),
	vlan(tuple(flow.ProtocolUDP, "[2001:db8::1]:1", "[2001:db8::2]:2"), 1, 2),
	inside(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 5, 4094, 7, 0),
	inside(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 0, 0, 0, 65535),
	inside(tuple(flow.ProtocolUDP, "[2001:db8::1]:1", "[2001:db8::2]:2"), 1, 0, 0, 9),
}

// zonedTuples are those of watched interfaces.
var zonedTuples = []flow.Tuple{
	zoned(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 1),
	zoned(inside(tuple(flow.ProtocolTCP, "10.0.0.1:1", "10.0.0.2:2"), 5, 4094, 7, 0), 0x123),
	zoned(ping(flow.ProtocolICMPv6, "2001:db8::2", "2001:db8::1", 128, 1), MaxWatched),
}

func zoned(t flow.Tuple, zone uint16) flow.Tuple {
	t.Zone = zone
	return t
}

func inside(t flow.Tuple, outer, inner, third, session uint16) flow.Tuple {
	t = vlan(t, outer, inner)
	t.VLANThird, t.Session = third, session
	return t
}

func tuple(p flow.Protocol, src, dst string) flow.Tuple {
	return flow.Tuple{Proto: p, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)}
}

func ping(p flow.Protocol, src, dst string, kind uint8, id uint16) flow.Tuple {
	t := flow.Tuple{Proto: p, ICMPType: kind, ICMPID: id}
	t.Src = flow.EndFrom(netip.MustParseAddr(src), 0)
	t.Dst = flow.EndFrom(netip.MustParseAddr(dst), 0)
	return t
}

func vlan(t flow.Tuple, outer, inner uint16) flow.Tuple {
	t.VLAN, t.VLANInner = outer, inner
	return t
}

// A tuple comes back from its key, read in the direction of its origin, and the
// other direction of the flow has the same key.
func TestTupleAndKey(t *testing.T) {
	seen := map[kernelKey]flow.Tuple{}
	for _, want := range slices.Concat(tuples, zonedTuples) {
		key := keyFromTuple(want)
		if got, back := tupleFromKey(&key, false), tupleFromKey(&key, true); got != want && back != want {
			t.Errorf("%s came back as %s or %s", want, got, back)
		}
		if !want.Proto.HasICMP() && keyFromTuple(want.Reverse()) != key {
			t.Errorf("%s and its reverse have different keys", want)
		}
		if other, twice := seen[key]; twice && other != want.Reverse() {
			t.Errorf("%s and %s share a key", want, other)
		}
		seen[key] = want
	}
}

func FuzzTupleAndKey(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, uint16(1), uint16(2), uint8(6), uint8(0), uint16(5), uint16(0))
	f.Add([]byte{15: 1}, []byte{15: 2}, uint16(1), uint16(1), uint8(58), uint8(128), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, src, dst []byte, sport, dport uint16, proto, kind uint8, outer, inner uint16) {
		a, isAddr := netip.AddrFromSlice(src)
		b, isAlso := netip.AddrFromSlice(dst)
		if !isAddr || !isAlso || a.Is4() != b.Is4() {
			t.Skip()
		}
		want := flow.Tuple{Proto: flow.Protocol(proto), Src: flow.EndFrom(a, sport), Dst: flow.EndFrom(b, dport), VLAN: outer, VLANInner: inner}
		if want.Proto.HasICMP() {
			want = vlan(ping(want.Proto, a.String(), b.String(), kind, sport), outer, inner)
		}
		key := keyFromTuple(want)
		if got, back := tupleFromKey(&key, false), tupleFromKey(&key, true); got != want && back != want {
			t.Fatalf("%s came back as %s or %s", want, got, back)
		}
	})
}

func TestClock(t *testing.T) {
	wall := time.Unix(5000, 0)
	c := Clock{Tick: 4 * time.Millisecond, Ticks: 1000, Ns: 7e9, Wall: wall}
	for ticks, want := range map[uint64]time.Duration{
		1000: 0, 1001: 0, 999: 4 * time.Millisecond, 750: time.Second, 0: 4 * time.Second,
	} {
		if got := c.since(ticks); got != want {
			t.Errorf("since %d: %s, want %s", ticks, got, want)
		}
	}
	for ns, want := range map[uint64]time.Time{7e9: wall, 6e9: wall.Add(-time.Second), 8e9: wall.Add(time.Second)} {
		if got := c.at(ns); !got.Equal(want) {
			t.Errorf("at %d: %s, want %s", ns, got, want)
		}
	}
	for d, want := range map[time.Duration]uint64{0: 0, 1: 1, 4 * time.Millisecond: 1, 4*time.Millisecond + 1: 2, time.Second: 250, flow.MaxTimeout: 78840000000} {
		if got := c.ticksOf(d); got != want {
			t.Errorf("%s is %d ticks, want %d", d, got, want)
		}
	}
	for measured, want := range map[time.Duration]time.Duration{
		time.Millisecond: time.Millisecond, 1100 * time.Microsecond: time.Millisecond,
		3900 * time.Microsecond: 4 * time.Millisecond, 11 * time.Millisecond: 10 * time.Millisecond,
		3400 * time.Microsecond: time.Second / 300,
	} {
		if got := nearestTick(measured); got != want {
			t.Errorf("%s is taken for %s, want %s", measured, got, want)
		}
	}
}

func TestFlowFromKernel(t *testing.T) {
	c := Clock{Tick: time.Millisecond, Ticks: 10000, Ns: 20e9, Wall: time.Unix(1, 0)}
	timeouts := flow.DefaultTimeouts()
	want := tuples[0]
	key := keyFromTuple(want)
	value := kernelFlow{Id: 7<<32 | 77, CreatedNs: 5e9}
	value.Control = 77<<32 | uint64(bpf.ConntrackFlowStateSTATE_TIME_WAIT) | uint64(bpf.ConntrackFlowFlagFLOW_SIDE)
	value.Origin.Packets, value.Origin.Bytes, value.Origin.LastSeenTicks = 3, 300, 4000
	value.Reply.Packets, value.Reply.Bytes, value.Reply.LastSeenTicks = 2, 200, 7000
	value.Key = key
	var f flow.Flow
	flowFromKernel(&f, &value, c, &timeouts)
	if f.ID != 7<<32|77 || f.Tuple != want || f.State != flow.StateTimeWait || f.In != 1 {
		t.Errorf("flow %+v", f)
	}
	if f.Age != 15*time.Second || f.Idle != 3*time.Second || f.TTL(time.Second) != 116*time.Second {
		t.Errorf("age %s, idle %s, ttl %s", f.Age, f.Idle, f.TTL(time.Second))
	}
	if f.Packets() != 5 || f.Bytes() != 500 || !f.Reply.Seen() || f.OwnTimeout || f.TimeoutName != flow.TCPTimeWait {
		t.Errorf("flow %+v", f)
	}
	value.TimeoutTicks = 4000
	value.Control |= uint64(bpf.ConntrackFlowFlagFLOW_REVERSED)
	flowFromKernel(&f, &value, c, &timeouts)
	if f.Tuple != want.Reverse() || !f.OwnTimeout || f.Timeout != 4*time.Second || f.TTL(0) != time.Second || f.TTL(time.Minute) != 0 {
		t.Errorf("flow %+v", f)
	}
	// A clock read before the flow was last seen makes no time run backwards.
	flowFromKernel(&f, &value, Clock{Tick: time.Millisecond, Ticks: 1, Ns: 1}, &timeouts)
	if f.Age != 0 || f.Idle != 0 {
		t.Errorf("age %s, idle %s", f.Age, f.Idle)
	}
}

// A flow of which both directions ended outside the window has the timeout of one
// that is stalled.
func TestTimeoutOfEndedOutside(t *testing.T) {
	const outside = uint64(bpf.ConntrackFlowFlagFLOW_ENDED_OUTSIDE)
	timeouts := flow.DefaultTimeouts()
	key := keyFromTuple(tuples[0])
	for flags, want := range map[uint64]flow.TimeoutName{
		0: flow.TCPEstablished, outside: flow.TCPEstablished, outside << 1: flow.TCPEstablished, outside | outside<<1: flow.TCPUnacknowledged,
	} {
		value := kernelFlow{Key: key, Control: uint64(bpf.ConntrackFlowStateSTATE_ESTABLISHED) | flags}
		value.Dir[flow.Origin].Limit, value.Dir[flow.Reply].Limit = 1000, 1000
		var f flow.Flow
		if flowFromKernel(&f, &value, Clock{Tick: time.Millisecond}, &timeouts); f.TimeoutName != want {
			t.Errorf("flags %x: %s, want %s", flags, f.TimeoutName, want)
		}
	}
}

func TestWindows(t *testing.T) {
	const (
		origin = uint64(bpf.ConntrackFlowFlagFLOW_SYN_SENT)
		both   = origin | origin<<1
	)
	dir := func(end, acked, limit uint32) bpf.ConntrackFlowDir {
		return bpf.ConntrackFlowDir{End: end, Acked: acked, Limit: limit}
	}
	for _, c := range []struct {
		name          string
		control       uint64
		origin, reply bpf.ConntrackFlowDir
		want          [2]flow.Half
	}{
		{"seen from the first SYN", both, dir(1100, 5000, 69000), dir(5500, 1000, 3000), [2]flow.Half{
			{WindowKnown: true, Window: 64000, InFlight: 100}, {WindowKnown: true, Window: 2000, InFlight: 500},
		}},
		{"numbers that wrap", both, dir(50, 0xffffff00, 0x100), dir(0xffffff00, 0xfffffff0, 20), [2]flow.Half{
			{WindowKnown: true, Window: 512, InFlight: 66}, {WindowKnown: true, Window: 36},
		}},
		{"closed windows", both, dir(10, 7, 8), dir(7, 10, 10), [2]flow.Half{{WindowKnown: true}, {WindowKnown: true}}},
		{"more acknowledged than sent", both, dir(10, 7, 8), dir(7, 11, 11), [2]flow.Half{{WindowKnown: true}, {WindowKnown: true}}},
		{"midstream", 0, dir(1100, 5000, 69000), dir(5500, 1000, 3000), [2]flow.Half{}},
		{"one SYN", origin, dir(1100, 0, 0), dir(0, 0, 0), [2]flow.Half{}},
	} {
		var f flow.Flow
		value := kernelFlow{Control: c.control, Dir: [2]bpf.ConntrackFlowDir{c.origin, c.reply}}
		flowFromKernel(&f, &value, Clock{Tick: time.Millisecond}, new(flow.Timeouts))
		if got := [2]flow.Half{f.Origin, f.Reply}; got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestCloserFromFlags(t *testing.T) {
	const (
		origin = uint64(bpf.ConntrackFlowFlagFLOW_FIN_SENT)
		reply  = origin << 1
		first  = uint64(bpf.ConntrackFlowFlagFLOW_FIN_REPLY_FIRST)
	)
	for control, want := range map[uint64]flow.Closer{
		0: flow.CloserNone, origin: flow.CloserOrigin, origin | reply: flow.CloserOrigin,
		reply | first: flow.CloserReply, origin | reply | first: flow.CloserReply,
	} {
		if got := closerFromFlags(control); got != want {
			t.Errorf("%#x: closed by %q, want %q", control, got, want)
		}
	}
}

func TestTimeoutFor(t *testing.T) {
	for _, c := range []struct {
		proto flow.Protocol
		state flow.State
		want  flow.TimeoutName
	}{
		{flow.ProtocolTCP, flow.StateNew, flow.TCPUnacknowledged},
		{flow.ProtocolTCP, flow.StateSynSent, flow.TCPSynSent},
		{flow.ProtocolTCP, flow.StateSynRecv, flow.TCPSynRecv},
		{flow.ProtocolTCP, flow.StateEstablished, flow.TCPEstablished},
		{flow.ProtocolTCP, flow.StateFinWait1, flow.TCPFinWait},
		{flow.ProtocolTCP, flow.StateFinWait2, flow.TCPFinWait},
		{flow.ProtocolTCP, flow.StateLastAck, flow.TCPLastAck},
		{flow.ProtocolTCP, flow.StateTimeWait, flow.TCPTimeWait},
		{flow.ProtocolUDP, flow.StateNew, flow.UDPUnidirectional},
		{flow.ProtocolUDP, flow.StateEstablished, flow.UDPBidirectional},
		{flow.ProtocolICMP, flow.StateNew, flow.ICMP},
		{flow.ProtocolICMPv6, flow.StateEstablished, flow.ICMP},
		{47, flow.StateNew, flow.Other},
		{132, flow.StateEstablished, flow.Other},
	} {
		if got := flow.TimeoutOf(c.proto, c.state); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.proto, c.state, got, c.want)
		}
	}
}

func TestCountersFromKernel(t *testing.T) {
	perCPU := make([]kernelStats, 2)
	for i := range perCPU {
		s := &perCPU[i]
		s.BadChecksums, s.Bytes, s.Dropped, s.Created, s.TableFull, s.TableBusy, s.EventsLost = 7, 100, 3, 5, 1, 4, 2
		s.Events = [2]uint64{8, 1}
		for v := range s.Verdict {
			s.Verdict[v] = uint64(v + 1)
		}
		for r := range s.Destroyed {
			s.Destroyed[r] = uint64(r)
		}
		for r := range s.Invalid {
			s.Invalid[r] = 1
		}
		for r := range s.Untracked {
			s.Untracked[r] = 3
		}
	}
	c := countersFromKernel(perCPU)
	if c.New != 2 || c.Established != 4 || c.Related != 6 || c.Invalid != 8 || c.Untracked != 10 {
		t.Errorf("verdicts %+v", c)
	}
	if c.Packets != 30 || c.Dropped != 6 || c.Forwarded != 24 || c.Bytes != 200 || c.BadChecksums != 14 {
		t.Errorf("packets %+v", c)
	}
	if c.FlowsCreated != 10 || c.FlowsDestroyed != 56 || c.Destroyed[flow.ReasonReused] != 12 || c.TableFull != 2 || c.TableBusy != 8 || c.Events != 18 || c.EventsLost != 4 {
		t.Errorf("flows %+v", c)
	}
	for r, n := range c.InvalidBy {
		if n != 2 {
			t.Errorf("invalid %s: %d", flow.Invalid(r), n)
		}
	}
	for r, n := range c.UntrackedBy {
		if n != 6 {
			t.Errorf("untracked %s: %d", flow.Untracked(r), n)
		}
	}
}
