package history

import (
	"math"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// numbered returns flows with some ids.
func numbered(ids ...flow.ID) (list []flow.Flow) {
	for _, id := range ids {
		list = append(list, flow.Flow{ID: id, Tuple: flow.Tuple{Session: uint16(id)}})
	}
	return list
}

// Flows are found where they were, a little later, or anywhere if they moved. Each flow of
// before is one of now at most, and one with another tuple is another flow. What is found
// comes back from the runs, which are short.
func TestMatch(t *testing.T) {
	var many []flow.ID
	for id := range flow.ID(100) {
		many = append(many, id+1)
	}
	other := numbered(1, 2)
	other[1].Tuple.Session = 7
	for _, c := range []struct {
		name        string
		before, now []flow.Flow
		want        []int32
		runs        int
	}{
		{"none", nil, nil, nil, 0},
		{"the first", nil, numbered(1, 2), []int32{-1, -1}, 3},
		{"as before", numbered(1, 2, 3), numbered(1, 2, 3), []int32{0, 1, 2}, 3},
		{"some went", numbered(1, 2, 3, 4), numbered(2, 4), []int32{1, 3}, 6},
		{"some came", numbered(1, 2), numbered(8, 1, 9, 2), []int32{-1, 0, -1, 1}, 9},
		{"the last one came", numbered(1), numbered(1, 2), []int32{0, -1}, 3},
		{"two changed places", numbered(1, 2, 3), numbered(1, 3, 2), []int32{0, 2, 1}, 9},
		{"the first went to the end", numbered(1, 2, 3), numbered(2, 3, 1), []int32{1, 2, 0}, 6},
		{"another tuple", numbered(1, 2), other, []int32{0, -1}, 3},
		{"one twice", numbered(1, 2), numbered(1, 1, 2), []int32{0, -1, 1}, 6},
		{"as far as it is looked for", numbered(many...), numbered(many[15:]...), upTo(15, 100), 3},
		{"farther", numbered(many...), numbered(many[16:]...), upTo(16, 100), 3},
		{"far, and back", numbered(many...), numbered(90, 1, 2), []int32{89, 0, 1}, 8},
		{"two far ones", numbered(many...), numbered(90, 80, 1), []int32{89, 79, 0}, 11},
		{"the first one is a stray", numbered(many...), numbered(51, 1), []int32{50, 0}, 7},
		{"one of the strays is new", numbered(many...), numbered(200, 90, 1), []int32{-1, 89, 0}, 11},
	} {
		got := match(c.before, c.now)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		w := new(writer)
		writeRuns(w, got)
		if n := len(w.columns[colRuns]); n > c.runs {
			t.Errorf("%s: the runs take %d bytes, more than %d", c.name, n, c.runs)
		}
		r := reader(w.columns)
		if back := readRuns(&r, len(got)); !slices.Equal(back, got) || len(r[colRuns]) > 0 {
			t.Errorf("%s: the runs come back as %v, with %d bytes left", c.name, back, len(r[colRuns]))
		}
	}
}

func upTo(from, to int32) (list []int32) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// A flow that carried nothing takes no room. Of one that did, only the columns of what changed
// take some.
func TestOnlyChangesTakeRoom(t *testing.T) {
	const passed = 2 * time.Second
	p, q := flow.Process{PID: 1, Name: "a"}, flow.Process{PID: 1, Name: "a"}
	n, m := flow.ServerName{Name: "a"}, flow.ServerName{Name: "a"}
	old := flow.Flow{
		ID: 1, Age: time.Hour, Idle: time.Minute, State: flow.StateEstablished, Holding: flow.Holding{Process: &p}, Server: &n,
		Origin: flow.Half{Packets: 10, Bytes: 1000, PPS: 3, BPS: 4, Window: 5, InFlight: 6}, Reply: flow.Half{Packets: 20, Bytes: 2000, PPS: 5, BPS: 6, Window: 7, InFlight: 8},
	}
	for _, c := range []struct {
		name   string
		change func(f *flow.Flow)
		want   []column
	}{
		{"nothing", func(*flow.Flow) {}, nil},
		{"a tick", func(f *flow.Flow) { f.Age, f.Idle = f.Age+tick-1, f.Idle-tick+1 }, nil},
		{"the same process and server, read again", func(f *flow.Flow) { f.Holding.Process, f.Server = &q, &m }, nil},
		{"idle", func(f *flow.Flow) { f.Idle += tick }, []column{colMasks, colIdle}},
		{"less idle", func(f *flow.Flow) { f.Idle -= tick }, []column{colMasks, colIdle}},
		{"age", func(f *flow.Flow) { f.Age += tick }, []column{colMasks, colAge}},
		{"packets", func(f *flow.Flow) {
			f.Origin.Packets, f.Origin.Bytes, f.Origin.PPS, f.Origin.BPS = 14, 1500, 2, 2000
		}, []column{colMasks, colPackets, colBytes}},
		{"packets back", func(f *flow.Flow) {
			f.Reply.Packets, f.Reply.Bytes, f.Reply.PPS, f.Reply.BPS = 26, 2500, 3, 2000
		}, []column{colMasks, colPackets, colBytes}},
		{"packets at another rate", func(f *flow.Flow) {
			f.Origin.Packets, f.Origin.Bytes, f.Origin.PPS, f.Origin.BPS = 14, 1500, 3, 2000
		}, []column{colMasks, colPackets, colBytes, colRates}},
		{"bytes at another rate", func(f *flow.Flow) {
			f.Reply.Packets, f.Reply.Bytes, f.Reply.PPS, f.Reply.BPS = 24, 2500, 2, 1000
		}, []column{colMasks, colPackets, colBytes, colRates}},
		{"a rate", func(f *flow.Flow) { f.Origin.PPS = 1 }, []column{colMasks, colRates}},
		{"a window", func(f *flow.Flow) { f.Origin.Window++ }, []column{colMasks, colWindows}},
		{"in flight", func(f *flow.Flow) { f.Reply.InFlight++ }, []column{colMasks, colWindows}},
		{"a state", func(f *flow.Flow) { f.State = flow.StateNew }, []column{colMasks, colRest}},
		{"no process", func(f *flow.Flow) { f.Holding.Process = nil }, []column{colMasks, colRest}},
		{"no server", func(f *flow.Flow) { f.Server = nil }, []column{colMasks, colRest}},
		{"another process", func(f *flow.Flow) { f.Holding.Process = &flow.Process{PID: 2} }, []column{colMasks, colRest}},
	} {
		now := old
		now.Age, now.Idle = old.Age+passed, old.Idle+passed
		now.Origin.PPS, now.Origin.BPS, now.Reply.PPS, now.Reply.BPS = 0, 0, 0, 0
		c.change(&now)
		w := new(writer)
		before, after := &flow.Snapshot{Flows: []flow.Flow{old}}, &flow.Snapshot{Flows: []flow.Flow{now}}
		e := encoder{writer: w, before: before, now: after, passed: passed, processes: newKnown[flow.Process](), names: newKnown[flow.ServerName]()}
		e.encode()
		var got []column
		for i := range w.columns {
			if len(w.columns[i]) > 0 && column(i) != colRuns && column(i) != colGaps {
				got = append(got, column(i))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the columns %v have something, want %v", c.name, got, c.want)
		}
		r := reader(w.columns)
		d := decoder{reader: &r, before: before, now: new(flow.Snapshot), passed: passed, processes: e.processes.list, names: e.names.list}
		d.decode()
		equalSnapshots(t, d.now, after)
	}
}

// Rates follow from what was carried meanwhile, if it was more than before.
func TestRates(t *testing.T) {
	half := func(packets, bytes uint64) *flow.Half { return &flow.Half{Packets: packets, Bytes: bytes} }
	for _, c := range []struct {
		old, now *flow.Half
		passed   time.Duration
		pps, bps float64
	}{
		{half(1, 100), half(5, 300), 2 * time.Second, 2, 800},
		{half(1, 100), half(1, 100), time.Second, 0, 0},
		{half(1, 100), half(2, 100), time.Second, 1, 0},
		{half(1, 100), half(1, 101), time.Second, 0, 8},
		{half(2, 100), half(1, 200), time.Second, 0, 0},
		{half(1, 200), half(2, 100), time.Second, 0, 0},
		{half(1, 100), half(5, 300), 0, 0, 0},
		{half(1, 100), half(5, 300), -1, 0, 0},
		{half(1, 100), half(5, 300), 1, 4e9, 8 * 200e9},
	} {
		if pps, bps := rates(c.old, c.now, c.passed); math.Abs(pps-c.pps) > 1e-3 || math.Abs(bps-c.bps) > 1e-3 {
			t.Errorf("%+v, %+v after %s: %v, %v", c.old, c.now, c.passed, pps, bps)
		}
	}
}

// Every tuple comes back, and takes no more room than it needs.
func TestTuples(t *testing.T) {
	four := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:0"), Dst: flow.MustParseEnd("192.0.2.1:0")}
	six := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("[2001:db8::1]:0"), Dst: flow.MustParseEnd("[2001:db8::2]:0")}
	with := func(t flow.Tuple, change func(t *flow.Tuple)) flow.Tuple {
		change(&t)
		return t
	}
	for _, c := range []struct {
		tuple                  flow.Tuple
		addresses, ports, tags int
	}{
		{four, 8, 0, 0},
		{six, 32, 0, 0},
		{with(four, func(t *flow.Tuple) { t.Src = flow.MustParseEnd("10.0.0.1:1") }), 8, 4, 0},
		{with(six, func(t *flow.Tuple) { t.Dst = flow.MustParseEnd("[2001:db8::2]:1") }), 32, 4, 0},
		{with(four, func(t *flow.Tuple) { t.ICMPType = 1 }), 8, 0, 4},
		{with(four, func(t *flow.Tuple) { t.ICMPCode = 1 }), 8, 0, 4},
		{with(four, func(t *flow.Tuple) { t.ICMPID = 1 }), 8, 0, 4},
		{with(four, func(t *flow.Tuple) { t.ICMPType, t.ICMPCode, t.ICMPID = 1, 2, 3 }), 8, 0, 4},
		{with(four, func(t *flow.Tuple) { t.VLAN = 1 }), 8, 0, 5},
		{with(four, func(t *flow.Tuple) { t.VLANInner = 1 }), 8, 0, 5},
		{with(four, func(t *flow.Tuple) { t.VLANThird = 1 }), 8, 0, 5},
		{with(four, func(t *flow.Tuple) { t.Session = 1 }), 8, 0, 5},
		{with(four, func(t *flow.Tuple) { t.Zone = 1 }), 8, 0, 5},
		{with(four, func(t *flow.Tuple) { t.VLAN, t.Zone, t.ICMPID = 300, 300, 300 }), 8, 0, 11},
	} {
		w := new(writer)
		e := encoder{writer: w}
		e.tuple(&c.tuple)
		if a, p, g := len(w.columns[colAddresses]), len(w.columns[colPorts]), len(w.columns[colTags]); a != c.addresses || p != c.ports || g != c.tags {
			t.Errorf("%v takes %d, %d and %d bytes, want %d, %d and %d", c.tuple, a, p, g, c.addresses, c.ports, c.tags)
		}
		r := reader(w.columns)
		d := decoder{reader: &r}
		if got := d.tuple(); got != c.tuple {
			t.Errorf("%v comes back as %v", c.tuple, got)
		}
		for i := range r {
			if len(r[i]) > 0 {
				t.Errorf("%v leaves %d bytes of column %d", c.tuple, len(r[i]), i)
			}
		}
	}
}

// Whole milliseconds take less room than other times.
func TestSpans(t *testing.T) {
	for d, size := range map[time.Duration]int{0: 1, time.Millisecond: 1, -time.Millisecond: 1, 63 * time.Millisecond: 2, time.Second: 2, 1: 1, time.Second + 1: 5, time.Hour: 4} {
		w := new(writer)
		w.span(colAge, d)
		r := reader(w.columns)
		if got, n := r.span(colAge), len(w.columns[colAge]); got != d || n != size {
			t.Errorf("%s takes %d bytes, and comes back as %s", d, n, got)
		}
	}
}

// What flows refer to is kept once.
func TestKnown(t *testing.T) {
	k := newKnown[flow.ServerName]()
	for i, c := range []struct {
		name string
		want int
	}{{"a", 0}, {"b", 1}, {"a", 0}, {"b", 1}, {"c", 2}} {
		if got := k.index(&flow.ServerName{Name: c.name}); got != c.want {
			t.Errorf("name %d is at %d", i, got)
		}
	}
	if len(k.list) != 3 || k.list[2].Name != "c" {
		t.Errorf("%d names are kept", len(k.list))
	}
}
