package pair

import (
	"testing"
	"time"
)

// Flows that moved to the other machine and end there are gone from both.
func TestMovedFlows(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(1000)
	w.pass(3 * time.Second)
	b.hear(keys...)
	w.pass(8 * time.Second)
	if a.inherited() != 1000 || b.inherited() != 0 {
		t.Errorf("%d and %d are inherited", a.inherited(), b.inherited())
	}
	b.end(keys...)
	w.pass(time.Second)
	w.agree(0)
}

// A flow that both hear, and that ends here while the partner still tells of it, does not
// come back.
func TestEndsWhileTold(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(1000)
	w.pass(3 * time.Second)
	w.delay = 500 * time.Millisecond
	for told := b.pair.Status().Flows; b.pair.Status().Flows == told; w.pass(Every) {
		b.hear(keys...)
	}
	a.hear(keys...)
	a.end(keys...)
	for range 40 {
		w.pass(100 * time.Millisecond)
		if n := len(a.table.flows); n != 0 {
			t.Fatalf("%d flows came back", n)
		}
	}
	w.pass(15 * time.Second)
	for i, h := range w.hosts {
		if n := h.pair.Status().Differing; n != 0 {
			t.Errorf("host %d: %d shards differ", i, n)
		}
	}
}

// Somebody forges the end of flows at the machine that does not have them: it knows them again
// within six seconds, under the same IDs.
func TestForgedEnds(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(100)
	until := func(d time.Duration) {
		for end := w.now.Add(d); w.now.Before(end); w.pass(20 * time.Millisecond) {
			a.hear(keys...)
		}
	}
	until(5 * time.Second)
	if b.inherited() != len(keys) {
		t.Fatalf("%d flows are inherited", b.inherited())
	}
	b.hear(keys...)
	b.end(keys...)
	until(6 * time.Second)
	if b.inherited() != len(keys) {
		t.Errorf("six seconds later %d flows of %d are known", b.inherited(), len(keys))
	}
	w.agree(len(keys))
}

// To a partner that is slow no more is sent than it takes.
func TestSlowPartner(t *testing.T) {
	const n = 120_000
	w := newWorld(t, 2*n, 2*n)
	a, b := w.hosts[0], w.hosts[1]
	b.pair, b.slow = nil, 1
	a.begin(n)
	w.pass(10 * time.Second)
	b.start()
	most := 0
	for end := w.now.Add(20 * time.Second); !b.pair.synced && w.now.Before(end); {
		w.pass(Every)
		most = max(most, len(w.late))
	}
	w.agree(n)
	if most > 250 { // of 300 flows each
		t.Errorf("%d messages were on their way", most)
	}
}

// A third host of the pair's name is not heard, until the partner is gone.
func TestThirdHost(t *testing.T) {
	w := newWorld(t)
	b := w.hosts[1]
	w.pass(2 * time.Second)
	foreign := func() []byte {
		h := hello{version: "x"}
		return h.append(head{kind: kindHello, instance: 77, sequence: 1}.append(nil))
	}
	w.fine(b.pair.Receive("c", foreign()))
	if name := b.pair.Status().Partner; name != "a" {
		t.Errorf("the partner is %q", name)
	}
	w.hosts[0].pair = nil
	w.pass(10 * time.Second)
	w.fine(b.pair.Receive("c", foreign()))
	if name := b.pair.Status().Partner; name != "c" {
		t.Errorf("the partner is %q", name)
	}
}

// A table that is smaller takes what has room, leaves some to own flows, and gets the rest
// when there is room.
func TestSmallerTable(t *testing.T) {
	w := newWorld(t, 10_000, 1600)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := a.begin(3000)
	w.pass(20 * time.Second)
	if n := len(b.table.flows); n != 1500 {
		t.Errorf("%d flows of the partner are in a table of 1600", n)
	}
	full := func(want bool) {
		t.Helper()
		if s := a.pair.Status(); s.RefusedThere == 0 || s.Pair().Full != want {
			t.Errorf("full: %t, the status is %+v", !want, s)
		}
	}
	full(true)
	w.pass(2 * time.Minute)
	full(true)
	a.end(keys[:2000]...)
	w.pass(20 * time.Second)
	w.agree(1000)
	w.pass(saidFor)
	full(false)
}

// A flow that the partner began and ended is over, however late what it says arrives: only one
// that is older than the partner's tracker can be lost there.
func TestLateEndsOfAFreshPartner(t *testing.T) {
	w := newWorld(t)
	a := w.hosts[0]
	a.reboot()
	w.pass(2 * time.Second)
	keys := a.begin(50)
	w.pass(5 * time.Second)
	w.agree(50)
	w.cut = true
	a.end(keys...)
	w.pass(time.Second)
	w.cut, w.delay = false, 20*time.Second
	w.pass(2 * time.Minute)
	w.delay = 0
	w.pass(time.Minute)
	w.agree(0)
}

// Flows that moved to a partner whose tracker is younger than they are, and ended there while
// nobody heard it, are over, too.
func TestEndsOfFlowsThatMovedBack(t *testing.T) {
	w := newWorld(t)
	a, b := w.hosts[0], w.hosts[1]
	w.pass(2 * time.Second)
	keys := b.begin(50)
	w.pass(20 * time.Second)
	a.reboot()
	w.pass(20 * time.Second)
	a.hear(keys...)
	w.pass(10 * time.Second)
	if a.inherited() != 0 || b.inherited() != 50 {
		t.Fatalf("%d and %d are inherited", a.inherited(), b.inherited())
	}
	w.cut = true
	a.end(keys...)
	w.pass(time.Second)
	w.cut = false
	w.pass(time.Minute)
	w.agree(0)
}
