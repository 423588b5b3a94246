package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// lives lets the partner live, which tells within so many seconds of a flow that moved.
func (h *harness) lives(within uint32) {
	h.config.Paired = within | 1<<31
	h.enforce(true)
}

// far is the segment of a client that is beyond any window by n times 2^24.
func far(n uint32) frame.Segment {
	return frame.Segment{Flags: frame.ACK, Seq: 1001 + n<<24, Ack: 5001 + n<<20, Payload: 10}
}

// A connection comes back before the partner has told that it had it: what is outside the
// window passes, and changes nothing, until both directions agree. Who guesses gets nothing
// past a connection that is busy, or was silent for longer than the partner takes to tell.
func TestMovesUntold(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		h.reset()
		h.lives(5)
		before := h.counters()
		c := h.connect(by)
		h.come(0)
		if h.run(by, c.frame(0, far(1))) {
			t.Errorf("%s: a segment outside the window of a busy connection passes", by)
		}
		h.wait(5)
		was := *h.flow(c.key())
		for n := range uint32(20) {
			h.come(0)
			if !h.run(by, c.frame(0, far(n+1))) {
				t.Fatalf("%s: segment %d was dropped", by, n)
			}
			if f := h.flow(c.key()); f.Dir != was.Dir || f.Origin.LastSeenTicks != was.Origin.LastSeenTicks {
				t.Fatalf("%s: segment %d made of %+v this: %+v", by, n, was, f)
			}
		}
		c.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001 + 20<<20, Ack: 1011 + 20<<24})
		c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1011 + 20<<24, Ack: 5001 + 20<<20, Payload: 10})
		if f := h.flow(c.key()); f.Dir[0].End != 1021+20<<24 || f.Dir[1].Acked != 1011+20<<24 {
			t.Errorf("%s: the connection that came back is %+v", by, f)
		}
		if n := h.since(before).Dropped; n != 1 {
			t.Errorf("%s: %d segments were dropped", by, n)
		}
		h.wait(6)
		h.come(0)
		if h.run(by, c.frame(0, far(1))) {
			t.Errorf("%s: a segment outside the window of a silent connection passes", by)
		}
	}
}

// The partner that takes a connection over tells so with the first packet of either
// direction, and this tracker takes its word within a part of the time that else counts.
// What it tells later of a connection that came back is answered.
func TestMovesAreTold(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		restart(a, b)
		a.lives(5)
		b.lives(5)
		c := a.connect(by)
		key := c.key()
		expectResult(t, b.enter(a.told(key)), ConntrackInheritResultINHERIT_DONE)
		a.wait(1)
		b.wait(1)
		b.drain()
		away := connection{b, by}
		away.client("new", frame.Segment{Flags: frame.ACK, Seq: 1001 + 1<<28, Ack: 5001, Payload: 10})
		// One direction alone may be one of two that parted.
		expectResult(t, a.enter(b.told(key)), ConntrackInheritResultINHERIT_IS_OWN)
		away.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1011 + 1<<28, Payload: 10})
		away.client("established", frame.Segment{Flags: frame.ACK, Seq: 1011 + 1<<28, Ack: 5011, Payload: 10})
		events := b.drain()
		for i, e := range events {
			if e.From != e.To || ConntrackFlowState(e.To) != ConntrackFlowStateSTATE_ESTABLISHED || e.Flags&ConntrackFlowFlagFLOW_INHERITED != 0 ||
				int(e.Direction) != i {
				t.Errorf("%s: event %d is %+v", by, i, e)
			}
		}
		if len(events) != 2 {
			t.Errorf("%s: the events are %+v", by, events)
		}
		late := b.told(key)
		expectResult(t, a.enter(late), ConntrackInheritResultINHERIT_DONE)
		if f := a.flow(key); !inherited(f) || !hasFlag(f, ConntrackFlowFlagFLOW_KEPT) {
			t.Errorf("%s: the flow that moved is %+v", by, f)
		}
		c.server("established", frame.Segment{Flags: frame.ACK, Seq: 5011, Ack: 1011 + 3<<28, Payload: 10})
		c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1011 + 3<<28, Ack: 5021, Payload: 10})
		for d := range late.Dir {
			late.Dir[d].IdleTicks = 1
		}
		expectResult(t, a.enter(late), ConntrackInheritResultINHERIT_IS_BACK)
		if len(a.drain()) == 0 {
			t.Errorf("%s: the tracker that it came back to says nothing", by)
		}
	}
}

// Without a partner that lives nobody has to know who hears a flow.
func TestMovesToHeir(t *testing.T) {
	a, b := newPair(t)
	c := a.connect(hookXDP)
	expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
	b.drain()
	away := connection{b, hookXDP}
	away.client("new", frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10})
	away.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1011, Payload: 10})
	if events := b.drain(); len(events) != 0 {
		t.Errorf("the events are %+v", events)
	}
}
