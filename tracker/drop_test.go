package tracker

import (
	"testing"

	"ctop/tracker/flow"
)

// Packets that a policy did not drop and that were not sent are told apart, and what
// became of packets adds up to them.
func TestDrops(t *testing.T) {
	c := countersFromKernel([]kernelStats{
		{Verdict: [5]uint64{0, 100}, Dropped: 9, Unsent: [2]uint64{4, 2}},
		{Verdict: [5]uint64{0, 10}, Dropped: 1, Unsent: [2]uint64{1, 1}}, // between its two counters
	})
	if c.Dropped != 10 || c.DroppedBy != [3]uint64{3, 5, 3} || c.Forwarded != 100 {
		t.Errorf("%+v", c)
	}
	addUnsent(&c, 7)
	if c.Dropped != 17 || c.DroppedBy[flow.DropOutput] != 10 || c.Forwarded+c.Dropped != c.Packets {
		t.Errorf("with what the interfaces did not send: %+v", c)
	}
	addUnsent(&c, 1<<40)
	if c.Forwarded != 0 || c.Dropped != c.Packets {
		t.Errorf("with more than that: %+v", c)
	}
}

// What an interface did not send counts from when the tracker was attached to it,
// and goes on where another one takes its place.
func TestUnsentGoesOn(t *testing.T) {
	tr := &Tracker{meta: meta{Interfaces: [2]ifaceMeta{{SendDrops: 100}, {}}}}
	now := [2]flow.Interface{{Index: 1, Virtual: true, SendDrops: 105}, {Index: 2, SendDrops: 50}}
	if n := tr.unsentSides(now); n != 5 {
		t.Errorf("%d, want 5: a real interface is not believed", n)
	}
	now[0] = flow.Interface{}
	if n := tr.unsentSides(now); n != 5 {
		t.Errorf("%d while it is gone, want 5", n)
	}
	tr.meta.Interfaces[0] = ifaceMeta{SendDrops: 7, Unsent: tr.unsentSide(0)}
	now[0] = flow.Interface{Index: 3, Virtual: true, SendDrops: 9}
	if n := tr.unsentSides(now); n != 7 {
		t.Errorf("%d with another one, want 7", n)
	}
}

func TestMTUWarnings(t *testing.T) {
	if w := mtuWarnings([2]flow.Interface{{Name: "a", MTU: 1500}, {Name: "b", MTU: 1500}}); w != nil {
		t.Errorf("equal ones: %q", w)
	}
	if w := mtuWarnings([2]flow.Interface{{Name: "a", MTU: 1500}, {Name: "b"}}); w != nil {
		t.Errorf("one gone: %q", w)
	}
	const want = "a has a MTU of 9000, b of 1500: longer packets are lost"
	if w := mtuWarnings([2]flow.Interface{{Name: "a", MTU: 9000}, {Name: "b", MTU: 1500}}); len(w) != 1 || w[0].String() != want {
		t.Errorf("%q, want %q", w, want)
	}
}
