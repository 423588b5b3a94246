package order

import (
	"cmp"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

func flows(n int) []flow.Flow {
	rnd := rand.New(rand.NewSource(1))
	list := make([]flow.Flow, n)
	for i := range list {
		list[i] = flow.Flow{
			Invalid: uint16(rnd.Intn(9)), Related: uint16(rnd.Intn(9)),
			ID: flow.ID(i + 1), State: flow.States()[rnd.Intn(8)],
			Idle: time.Duration(rnd.Intn(9)) * time.Second, In: uint16(rnd.Intn(2)),
			Age: time.Duration(rnd.Intn(9)) * time.Second, Timeout: time.Duration(rnd.Intn(9)) * time.Minute,
			Origin: flow.Half{RTT: time.Duration(rnd.Intn(9)), Retransmits: uint16(rnd.Intn(9)), Reordered: uint16(rnd.Intn(9)), Packets: uint64(rnd.Intn(9)), Bytes: uint64(rnd.Intn(9)), BPS: rnd.Float64(), PPS: rnd.Float64()},
			Reply:  flow.Half{ZeroWindows: uint16(rnd.Intn(9)), Packets: uint64(rnd.Intn(2)), Bytes: uint64(rnd.Intn(9)), BPS: rnd.Float64(), PPS: rnd.Float64()},
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP,
				Src:   flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.Intn(9))}), uint16(rnd.Intn(9))),
				Dst:   flow.EndFrom(netip.MustParseAddr("2001:db8::1"), uint16(rnd.Intn(9))),
			},
		}
	}
	return list
}

func ids(rows []*flow.Flow) []flow.ID {
	var list []flow.ID
	for _, f := range rows {
		list = append(list, f.ID)
	}
	return list
}

// TestOrder checks every key against the plain way to say what it sorts by.
func TestOrder(t *testing.T) {
	end := func(a flow.End) []uint64 {
		sixteen := a.Addr().As16()
		var out []uint64
		for _, b := range sixteen {
			out = append(out, uint64(b))
		}
		return append(out, uint64(a.Port()))
	}
	rate := func(h flow.Half, v float64) []uint64 {
		if !h.Seen() {
			return []uint64{0}
		}
		return []uint64{1, uint64(v * 1e15)}
	}
	plain := map[string]func(*flow.Flow) []uint64{
		"proto":        func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Tuple.Proto)} },
		"origin":       func(f *flow.Flow) []uint64 { return end(f.Tuple.Src) },
		"reply":        func(f *flow.Flow) []uint64 { return end(f.Tuple.Dst) },
		"state":        func(f *flow.Flow) []uint64 { return []uint64{uint64(f.State)} },
		"ttl":          func(f *flow.Flow) []uint64 { return []uint64{uint64(f.TTL(0))} },
		"out_rate":     func(f *flow.Flow) []uint64 { return rate(f.Origin, f.Origin.BPS) },
		"in_rate":      func(f *flow.Flow) []uint64 { return rate(f.Reply, f.Reply.BPS) },
		"bytes":        func(f *flow.Flow) []uint64 { return []uint64{f.Bytes()} },
		"age":          func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Age)} },
		"out_packets":  func(f *flow.Flow) []uint64 { return []uint64{f.Origin.Packets} },
		"in_packets":   func(f *flow.Flow) []uint64 { return []uint64{f.Reply.Packets} },
		"out_bytes":    func(f *flow.Flow) []uint64 { return []uint64{f.Origin.Bytes} },
		"in_bytes":     func(f *flow.Flow) []uint64 { return []uint64{f.Reply.Bytes} },
		"rate":         func(f *flow.Flow) []uint64 { return []uint64{uint64(f.BPS() * 1e15)} },
		"idle":         func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Idle)} },
		"rtt":          func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Origin.RTT + f.Reply.RTT)} },
		"if":           func(f *flow.Flow) []uint64 { return []uint64{uint64(f.In)} },
		"id":           func(f *flow.Flow) []uint64 { return []uint64{uint64(f.ID)} },
		"reordered":    func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Origin.Reordered)} },
		"packets":      func(f *flow.Flow) []uint64 { return []uint64{f.Packets()} },
		"pps":          func(f *flow.Flow) []uint64 { return []uint64{uint64((f.Origin.PPS + f.Reply.PPS) * 1e15)} },
		"timeout":      func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Timeout)} },
		"zero_windows": func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Reply.ZeroWindows)} },
		"invalid":      func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Invalid)} },
		"related":      func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Related)} },
		"":             func(*flow.Flow) []uint64 { return nil },
		"retransmits": func(f *flow.Flow) []uint64 {
			return []uint64{uint64(f.Origin.Retransmits) + uint64(f.Reply.Retransmits)}
		},
	}
	silence := func(f *flow.Flow) time.Duration {
		if f.Idle < 5*time.Second {
			return 0
		}
		return f.Idle
	}
	s := &flow.Snapshot{Flows: flows(500)}
	for key, value := range plain {
		for _, desc := range []bool{false, true} {
			rows := Arrange(Request{Snapshot: s, By: By{Key: key, Desc: desc}}).Rows
			sorted := slices.IsSortedFunc(rows, func(a, b *flow.Flow) int {
				c := slices.Compare(value(a), value(b))
				if desc {
					c = -c
				}
				if c == 0 && key != "" {
					c = cmp.Compare(silence(a), silence(b))
				}
				if c == 0 {
					return int(a.ID) - int(b.ID)
				}
				return c
			})
			if len(rows) != 500 || !sorted {
				t.Errorf("key %s, descending %v: not in order", key, desc)
			}
		}
	}
}

func TestArrangeFindsAndKeeps(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(10)}
	f, err := filter.Parse("state:new,syn,est")
	if err != nil {
		t.Fatal(err)
	}
	gone := &flow.Flow{ID: 99, State: flow.StateNew, Tuple: s.Flows[0].Tuple}
	before := &flow.Flow{ID: 99, State: flow.StateEstablished, Origin: flow.Half{BPS: 5e9}}
	r := Arrange(Request{
		Snapshot: s, Filter: f, By: By{Key: "out_rate", Desc: true}, Anchor: 99, Watch: 3,
		Ended:  map[flow.ID]Ended{99: {Flow: gone}, 3: {Flow: &s.Flows[2]}},
		Before: []*flow.Flow{before},
	})
	if r.Watched != &s.Flows[2] {
		t.Error("the watched flow was not found")
	}
	if r.Living != 10 {
		t.Errorf("%d flows live", r.Living)
	}
	if r.Anchor < 0 || r.Rows[r.Anchor].ID != 99 {
		t.Errorf("the anchor is not at %d of %v", r.Anchor, ids(r.Rows))
	}
	if got := r.Rows[r.Anchor].Origin.BPS; got != 5e9 {
		t.Errorf("the rate of the ended flow is %v", got)
	}
	if r.Rows[r.Anchor] == before {
		t.Error("an old snapshot is held on to")
	}
	if !f.Match(r.Rows[0]) {
		t.Error("a row does not pass the filter")
	}
}

func TestSurveyAndCounts(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(100)}
	survey := NewSurvey(All(s), func(id flow.ID) bool { return id <= 10 })
	sum := 0
	for _, n := range survey.ByState {
		sum += n
	}
	if len(survey.Refs) != 10 || sum != 10 {
		t.Errorf("surveyed %d flows and %d states", len(survey.Refs), sum)
	}
	s.Flows[0].OwnTimeout, s.Flows[1].Idle = true, time.Hour
	if n := CountTimeouts(s)[0]; n != 99 {
		t.Errorf("the timeout applies to %d flows, not 99", n)
	}
	s.Flows[2].OwnTimeout, s.Flows[2].Idle = true, time.Hour // its own is longer
	s.Flows[3].TimeoutName, s.Flows[3].Idle = 1, time.Hour
	s.Flows[4].Idle = time.Minute - 1
	for name, want := range map[flow.TimeoutName]int{0: 1, 1: 1, 2: 0} {
		if n := CountEnding(s, name, time.Minute); n != want {
			t.Errorf("%d flows of %s would end, not %d", n, name, want)
		}
	}
	if n := CountEnding(s, 0, time.Minute-1); n != 2 {
		t.Errorf("%d flows would end a moment earlier, not 2", n)
	}
}

// TestParse has each way to say what to sort by.
func TestParse(t *testing.T) {
	for text, want := range map[string]By{
		"age": {Key: "age", Desc: true}, "age:asc": {Key: "age"}, "ttl": {Key: "ttl"}, "proto:desc": {Key: "proto", Desc: true},
		"out_packets": {Key: "out_packets", Desc: true}, "packets out:asc": {Key: "out_packets"}, "pkt-out": {Key: "out_packets", Desc: true},
		"in": {Key: "in_rate", Desc: true}, "total": {Key: "bytes", Desc: true}, "iface": {Key: "if"}, "origin.bytes": {Key: "out_bytes", Desc: true},
	} {
		by, err := Parse(text)
		if err != nil || by != want {
			t.Errorf("%q is %v, %v", text, by, err)
		}
		if again, err := Parse(by.String()); err != nil || again != by {
			t.Errorf("%v comes back as %v, %v", by, again, err)
		}
	}
	for text, want := range map[string]string{
		"size": `no key is called "size": use proto, origin, reply,`, "": `no key is called ""`, "answered": "no key", "vlan": "no key",
		"age:up": `"up" is not a direction: write age:asc or age:desc`, "age:": `"" is not a direction`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %s", text, err, want)
		}
	}
}

// Rates are compared in packets where those are what they count.
func TestPacketOrder(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(50)}
	for key, value := range map[string]func(*flow.Flow) float64{
		"rate":     func(f *flow.Flow) float64 { return f.Origin.PPS + f.Reply.PPS },
		"out_rate": func(f *flow.Flow) float64 { return f.Origin.PPS },
	} {
		rows := Arrange(Request{Snapshot: s, By: By{Key: key, Desc: true, Packets: true}}).Rows
		seen := slices.DeleteFunc(rows, func(f *flow.Flow) bool { return !f.Origin.Seen() })
		if !slices.IsSortedFunc(seen, func(a, b *flow.Flow) int { return cmp.Compare(value(b), value(a)) }) {
			t.Errorf("%s counts no packets", key)
		}
	}
}

// TestQuietFlowsSink orders equal flows. Those that have not been quiet for long stay in
// their places, whoever sent last; the others follow by their last packet, and never
// change places as time passes.
func TestQuietFlowsSink(t *testing.T) {
	idle := []time.Duration{40 * time.Second, 3 * time.Second, time.Minute, time.Second, 5 * time.Second, 40 * time.Second}
	for _, by := range []By{{Key: "rate", Desc: true}, {Key: "rate"}, {Key: "proto"}} {
		for _, passed := range []time.Duration{0, time.Second, time.Hour} {
			s := &flow.Snapshot{}
			for i, d := range idle {
				if d >= 5*time.Second {
					d += passed
				}
				s.Flows = append(s.Flows, flow.Flow{ID: flow.ID(i + 1), Idle: d})
			}
			var got []flow.ID
			for _, f := range Arrange(Request{Snapshot: s, By: by}).Rows {
				got = append(got, f.ID)
			}
			if want := []flow.ID{2, 4, 5, 1, 6, 3}; !slices.Equal(got, want) {
				t.Errorf("%s after %s: %v, want %v", by, passed, got, want)
			}
		}
	}
}
