package order

import (
	"math/rand"
	"net/netip"
	"slices"
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
			ID: flow.ID(i + 1), State: flow.States()[rnd.Intn(8)],
			Idle: time.Duration(rnd.Intn(9)) * time.Second, In: uint8(rnd.Intn(2)),
			Age: time.Duration(rnd.Intn(9)) * time.Second, Timeout: time.Duration(rnd.Intn(9)) * time.Minute,
			Origin: flow.Half{RTT: time.Duration(rnd.Intn(9)), Retransmits: uint16(rnd.Intn(9)), Reordered: uint16(rnd.Intn(9)), Packets: uint64(rnd.Intn(9)), Bytes: uint64(rnd.Intn(9)), BPS: rnd.Float64(), PPS: rnd.Float64()},
			Reply:  flow.Half{Packets: uint64(rnd.Intn(2)), Bytes: uint64(rnd.Intn(9)), BPS: rnd.Float64(), PPS: rnd.Float64()},
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP,
				Src:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.Intn(9))}), uint16(rnd.Intn(9))),
				Dst:   netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), uint16(rnd.Intn(9))),
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
	end := func(a netip.AddrPort) []uint64 {
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
	plain := map[Key]func(*flow.Flow) []uint64{
		Proto:      func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Tuple.Proto)} },
		Origin:     func(f *flow.Flow) []uint64 { return end(f.Tuple.Src) },
		Reply:      func(f *flow.Flow) []uint64 { return end(f.Tuple.Dst) },
		State:      func(f *flow.Flow) []uint64 { return []uint64{uint64(f.State)} },
		TTL:        func(f *flow.Flow) []uint64 { return []uint64{uint64(f.TTL(0))} },
		Out:        func(f *flow.Flow) []uint64 { return rate(f.Origin, f.Origin.BPS) },
		In:         func(f *flow.Flow) []uint64 { return rate(f.Reply, f.Reply.BPS) },
		Total:      func(f *flow.Flow) []uint64 { return []uint64{f.Bytes()} },
		Age:        func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Age)} },
		OutPackets: func(f *flow.Flow) []uint64 { return []uint64{f.Origin.Packets} },
		InPackets:  func(f *flow.Flow) []uint64 { return []uint64{f.Reply.Packets} },
		OutBytes:   func(f *flow.Flow) []uint64 { return []uint64{f.Origin.Bytes} },
		InBytes:    func(f *flow.Flow) []uint64 { return []uint64{f.Reply.Bytes} },
		Rate:       func(f *flow.Flow) []uint64 { return []uint64{uint64(f.BPS() * 1e15)} },
		Idle:       func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Idle)} },
		RTT:        func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Origin.RTT + f.Reply.RTT)} },
		Interface:  func(f *flow.Flow) []uint64 { return []uint64{uint64(f.In)} },
		ID:         func(f *flow.Flow) []uint64 { return []uint64{uint64(f.ID)} },
		Reordered:  func(f *flow.Flow) []uint64 { return []uint64{uint64(f.Origin.Reordered)} },
		Retransmits: func(f *flow.Flow) []uint64 {
			return []uint64{uint64(f.Origin.Retransmits) + uint64(f.Reply.Retransmits)}
		},
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
				if c == 0 {
					return int(a.ID) - int(b.ID)
				}
				return c
			})
			if len(rows) != 500 || !sorted {
				t.Errorf("key %d, descending %v: not in order", key, desc)
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
		Snapshot: s, Filter: f, By: By{Key: Out, Desc: true}, Anchor: 99, Watch: 3,
		Ended:  map[flow.ID]Ended{99: {Flow: gone}, 3: {Flow: &s.Flows[2]}},
		Before: []*flow.Flow{before},
	})
	if r.Watched != &s.Flows[2] {
		t.Error("the watched flow was not found")
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
	if n := CountEnding(s, 0, time.Minute); n != 1 {
		t.Errorf("%d flows would end, not 1", n)
	}
}
