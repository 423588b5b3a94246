package netdev

import (
	"testing"

	"ctop/tracker/flow"
)

// What the interfaces did not send is taken from what was forwarded, and no more than
// that.
func TestAddUnsent(t *testing.T) {
	c := flow.Counters{Packets: 110, Forwarded: 100, Dropped: 10}
	c.DroppedBy[flow.DropOutput] = 3
	addUnsent(&c, 7)
	if c.Dropped != 17 || c.DroppedBy[flow.DropOutput] != 10 || c.Forwarded != 93 {
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
	list := points(Wire(Point{SendDrops: 100}, Point{}))
	a := &Attachments{registry: list, sendDrops: make([]uint64, 2)}
	now := []flow.Interface{{Index: 1, Virtual: true, SendDrops: 105}, {Index: 2, SendDrops: 50}}
	if n := a.unsent(now); n != 5 {
		t.Errorf("%d, want 5: a real interface is not believed", n)
	}
	now[0] = flow.Interface{}
	if n := a.unsent(now); n != 5 {
		t.Errorf("%d while it is gone, want 5", n)
	}
	list[0].SendDrops, list[0].Unsent = 7, a.takeUnsent(0)
	now[0] = flow.Interface{Index: 3, Virtual: true, SendDrops: 9}
	if n := a.unsent(now); n != 7 {
		t.Errorf("%d with another one, want 7", n)
	}
}

// A watched interface sends for others: what it drops is not the tracker's.
func TestUnsentOfWatched(t *testing.T) {
	a := &Attachments{registry: points{{Role: flow.RoleWatch}}, sendDrops: make([]uint64, 1)}
	if n := a.unsent([]flow.Interface{{Index: 1, Virtual: true, SendDrops: 9}}); n != 0 {
		t.Errorf("%d packets of a watched interface, want none", n)
	}
}

func TestMTUWarnings(t *testing.T) {
	if w := mtuWarnings([]flow.Interface{{Name: "a", MTU: 1500}, {Name: "b", MTU: 1500}}); w != nil {
		t.Errorf("equal ones: %q", w)
	}
	if w := mtuWarnings([]flow.Interface{{Name: "a", MTU: 1500}, {Name: "b"}}); w != nil {
		t.Errorf("one gone: %q", w)
	}
	const want = "a has a MTU of 9000, b of 1500: longer packets are lost"
	if w := mtuWarnings([]flow.Interface{{Name: "a", MTU: 9000}, {Name: "b", MTU: 1500}}); len(w) != 1 || w[0].String() != want {
		t.Errorf("%q, want %q", w, want)
	}
}
