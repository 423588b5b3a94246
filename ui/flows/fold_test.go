package flows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// fleetOf returns a snapshot of three hosts, in which some flows have a tuple of few.
func fleetOf(r *rand.Rand, flows int) *flow.Snapshot {
	s := &flow.Snapshot{Time: time.Unix(1_800_000_000, 0)}
	for _, host := range []string{"a", "b", "c"} {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: "eth0", Host: host, Uptime: time.Hour})
	}
	for i := range flows {
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(i + 1), In: uint16(r.IntN(3)), Age: time.Minute, Idle: 20 * time.Second,
			Tuple:  flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd(fmt.Sprintf("10.0.0.1:%d", r.IntN(flows)+1)), Dst: flow.MustParseEnd("10.0.0.2:53")},
			Origin: flow.Half{Packets: uint64(r.IntN(100)), BPS: float64(r.IntN(1000))},
		})
	}
	return s
}

// Every flow has a row, or stands behind one, and the rows keep their order.
func TestFold(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := fleetOf(r, 1+r.IntN(40))
		anchor := s.Flows[r.IntN(len(s.Flows))].ID
		flat := order.Arrange(order.Request{Snapshot: s, By: order.By{Key: "rate", Desc: true}, Anchor: anchor})
		all := fold(flat, nil)
		behind := 0
		for _, m := range all.met {
			behind += m.More
		}
		if len(all.Rows)+behind != len(flat.Rows) || all.Present != len(all.Rows) {
			t.Fatalf("seed %d: %d rows and %d behind them, of %d", seed, len(all.Rows), behind, len(flat.Rows))
		}
		at := 0
		for _, row := range flat.Rows {
			if at < len(all.Rows) && all.Rows[at] == row {
				at++
			}
		}
		if at != len(all.Rows) {
			t.Fatalf("seed %d: the rows have another order", seed)
		}
		if on := all.Rows[all.Anchor]; on.ID != anchor && all.folded[on.ID] == nil {
			t.Fatalf("seed %d: the cursor is on %s, not on %s", seed, on.ID, anchor)
		}
		unfolded := map[flow.ID]bool{}
		for i := range s.Flows {
			unfolded[s.Flows[i].ID] = true
		}
		open := fold(flat, unfolded)
		if len(open.Rows) != len(flat.Rows) || open.Rows[open.Anchor].ID != anchor {
			t.Fatalf("seed %d: %d rows of %d are unfolded", seed, len(open.Rows), len(flat.Rows))
		}
		for i, row := range open.Rows {
			if open.met[row.ID].Below && open.folded[row.ID] != open.folded[open.Rows[i-1].ID] {
				t.Fatalf("seed %d: row %d is below another conversation", seed, i)
			}
		}
	}
}

// What is not of a fleet stays as it is.
func TestFoldOne(t *testing.T) {
	s := fleetOf(rand.New(rand.NewPCG(1, 1)), 30)
	for i := range s.Interfaces {
		s.Interfaces[i].Host = ""
	}
	flat := order.Arrange(order.Request{Snapshot: s})
	if a := fold(flat, nil); !slices.Equal(a.Rows, flat.Rows) || a.met != nil {
		t.Errorf("%d rows of %d", len(a.Rows), len(flat.Rows))
	}
}

// A flow that the partner of a pair has under the same ID stands behind the one that packets
// pass by, also if the conversation is unfolded: the cursor tells rows by their ID.
func TestFoldPair(t *testing.T) {
	s := fleetOf(rand.New(rand.NewPCG(1, 1)), 3)
	for i := range s.Flows {
		s.Flows[i].In, s.Flows[i].Tuple = uint16(i), s.Flows[0].Tuple
	}
	s.Flows[1].Origin.BPS, s.Flows[2].Origin.BPS = 100, 50
	s.Flows[0].ID, s.Flows[0].Holding.Inherited, s.Flows[0].Origin.BPS = s.Flows[1].ID, true, 1e9
	flat := order.Arrange(order.Request{Snapshot: s, By: order.By{Key: "rate", Desc: true}, Anchor: s.Flows[1].ID})
	for unfolded, want := range map[bool][]*flow.Flow{false: {&s.Flows[1]}, true: {&s.Flows[1], &s.Flows[2]}} {
		all := fold(flat, map[flow.ID]bool{s.Flows[1].ID: unfolded})
		more := 2
		if unfolded {
			more = 1
		}
		if !slices.Equal(all.Rows, want) || all.met[s.Flows[1].ID].More != more || all.Rows[all.Anchor] != &s.Flows[1] {
			t.Errorf("unfolded %t: %v, %+v", unfolded, all.Rows, all.met)
		}
	}
}

// A conversation that has lost packets between two hosts says so in its row.
func TestFoldLost(t *testing.T) {
	for packets, want := range map[uint64]bool{1000: false, 900: true} {
		s := fleetOf(rand.New(rand.NewPCG(1, 1)), 2)
		for i := range s.Flows {
			s.Flows[i].In, s.Flows[i].Tuple, s.Flows[i].Origin.Packets = uint16(i), s.Flows[0].Tuple, 1000
		}
		s.Flows[1].Origin.Packets = packets
		a := fold(order.Arrange(order.Request{Snapshot: s}), nil)
		if len(a.Rows) != 1 || a.met[a.Rows[0].ID].Lost != want {
			t.Errorf("%d of 1000 packets came: %d rows, %+v", packets, len(a.Rows), a.met)
		}
	}
}
