package pair

import (
	"testing"
	"time"
)

// Flows that move to the other machine and back within a second are known to have moved each
// time, although neither has told its live flows again meanwhile. So is one that comes back
// before the other machine has said that it had it, when live flows were told again.
func TestMovesBack(t *testing.T) {
	for _, away := range []time.Duration{40 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		w := newWorld(t)
		w.pass(2 * time.Second)
		keys := w.hosts[0].begin(100)
		w.pass(5 * time.Second)
		for i := range 6 {
			at, other := w.hosts[1-i&1], w.hosts[i&1]
			for until := w.now.Add(away); w.now.Before(until); w.pass(Every) {
				at.hear(keys...)
			}
			if away > 250*time.Millisecond && (at.inherited() != 0 || other.inherited() != len(keys)) {
				t.Fatalf("away for %s: after move %d %d and %d are inherited", away, i, at.inherited(), other.inherited())
			}
		}
		for until := w.now.Add(lap + time.Second/2); w.now.Before(until); w.pass(Every) {
			w.hosts[0].hear(keys...)
		}
		if n := w.hosts[1].inherited(); n != len(keys) {
			t.Errorf("away for %s: of %d flows that are back %d are inherited there", away, len(keys), n)
		}
		w.agree(len(keys))
		if len(w.hosts[0].pair.moved)+len(w.hosts[1].pair.moved) != 0 {
			t.Errorf("away for %s: moves wait", away)
		}
	}
}

// Flows that begin on both machines at once come to the same ID, and the tables agree.
func TestBeginOnBoth(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	for _, key := range a.begin(1000) {
		b.open(key)
	}
	w.pass(200 * time.Millisecond)
	w.agree(1000)
	w.pass(15 * time.Second)
	w.agree(1000)
	for i, h := range w.hosts {
		if s := h.pair.Status(); s.Differing != 0 || s.Conflicts != 0 {
			t.Errorf("host %d: %+v", i, s)
		}
	}
}
