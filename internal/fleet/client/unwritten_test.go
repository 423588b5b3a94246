package client_test

import (
	"testing"

	"ctop/internal/fleet"
)

// An act whose outcome could not be written has an unknown one, also for who asks again.
func TestRepeatOfAnUnwrittenOutcome(t *testing.T) {
	w := newWorld(t)
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleOperator, "ann")
	h := w.acting(one, newSource(1, 5))
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
	h.during = func() { _ = h.journal.Close() }
	x := w.wire(ann)
	order := signed(t, newOrder("edge-1", 2), ann)
	first, again := x.send(order), x.send(order)
	if first.State != fleet.Unknown || again.State != fleet.Unknown || again.Error != first.Error || h.times(2) != 1 {
		t.Errorf("first %s: %s, then %s: %s, done %d times", first.State, first.Error, again.State, again.Error, h.times(2))
	}
}
