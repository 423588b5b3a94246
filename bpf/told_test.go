package bpf

import (
	"sync/atomic"
	"testing"

	"ctop/internal/frame"
)

// What a partner tells of a flow before it knew what is known here does not take the flow's
// counters back: nor does a message that came late.
func TestToldCountersGrow(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		restart(a, b)
		c := a.connect(by)
		key := c.key()
		old := a.told(key)
		expectResult(t, b.enter(old), ConntrackInheritResultINHERIT_DONE)
		for i := range uint32(20) {
			c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1001 + 10*i, Ack: 5001, Payload: 10})
		}
		a.wait(1)
		b.wait(1)
		expectResult(t, b.enter(a.told(key)), ConntrackInheritResultINHERIT_DONE)
		was := *b.flow(key)
		old.Dir[0].IdleTicks, old.Dir[1].IdleTicks = 1, 1
		expectResult(t, b.enter(old), ConntrackInheritResultINHERIT_DONE)
		if f := b.flow(key); f.Origin != was.Origin || f.Dir != was.Dir {
			t.Errorf("%s: an old message makes of %+v %+v", by, was, f)
		}
		// It moves before the last packets were told.
		for i := range uint32(20) {
			c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1201 + 10*i, Ack: 5001, Payload: 10})
		}
		was = *a.flow(key)
		a.wait(10)
		b.wait(10)
		away := connection{b, by}
		away.client("new", frame.Segment{Flags: frame.ACK, Seq: 1401, Ack: 5001, Payload: 10})
		expectResult(t, a.enter(b.told(key)), ConntrackInheritResultINHERIT_DONE)
		if f := a.flow(key); !inherited(f) || f.Origin.Packets < was.Origin.Packets || f.Origin.Bytes < was.Origin.Bytes || f.Dir[0].End != 1411 ||
			a.config.InjectedTicks-f.Origin.LastSeenTicks != 0 {
			t.Errorf("%s: after it moved %+v is %+v", by, was, f)
		}
	}
}

// A connection that closes moves. Whether the partner knows that it closes or not, it does
// not open again by what is told of it, nor by its last segments.
func TestToldStaysClosing(t *testing.T) {
	a, b := newPair(t)
	four := closings[0]
	for _, by := range hooks {
		for told := range 5 {
			restart(a, b)
			p := part(a, b, by)
			p.ways = [2]*harness{a, a}
			for i, s := range opening {
				p.pass(i&1, s)
			}
			expectResult(t, b.enter(a.told(p.key())), ConntrackInheritResultINHERIT_DONE)
			for i, s := range four.segments[:3] {
				if p.pass(four.froms[i], s); told == i+1 {
					expectResult(t, b.enter(a.told(p.key())), ConntrackInheritResultINHERIT_DONE)
				}
			}
			p.wait(10)
			p.ways = [2]*harness{b, b}
			p.pass(0, four.segments[3])
			if f := b.flow(p.key()); told == 3 && state(f) != ConntrackFlowStateSTATE_TIME_WAIT {
				t.Errorf("%s: after the last ACK the flow is %+v", by, f)
			}
			if told == 4 {
				// It is told as if it had just come by both.
				said := b.told(p.key())
				said.Control = uint32(ConntrackFlowStateSTATE_ESTABLISHED) | 0xf<<12 | 3<<22
				expectResult(t, a.enter(said), ConntrackInheritResultINHERIT_DONE)
			} else {
				expectResult(t, a.enter(b.told(p.key())), ConntrackInheritResultINHERIT_DONE)
			}
			if f := a.flow(p.key()); !inherited(f) || state(f) != ConntrackFlowStateSTATE_TIME_WAIT {
				t.Errorf("%s, told %d: after it moved the flow is %+v", by, told, f)
			}
			p.pass(1, four.segments[2])
			if f := b.flow(p.key()); told == 3 && state(f) != ConntrackFlowStateSTATE_TIME_WAIT {
				t.Errorf("%s: after the FIN came again the flow is %+v", by, f)
			}
		}
	}
}

// A partner lies that a connection has closed, with its numbers. Data opens it again, and what
// the partner hears beyond a FIN shows that this one was forged.
func TestToldClosedByLie(t *testing.T) {
	_, b := newPair(t)
	for _, by := range hooks {
		for from := range 2 {
			b.paired()
			c := b.connect(by)
			key := c.key()
			said := b.told(key)
			said.Control = uint32(ConntrackFlowStateSTATE_TIME_WAIT) | 0xff<<12 | 3<<22
			said.Dir[0].Numbers.FinEnd, said.Dir[1].Numbers.FinEnd = 1001, 5001
			b.wait(10)
			for d := range said.Dir {
				said.Dir[d].Packets, said.Dir[d].IdleTicks = 5, 0
			}
			expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
			send := func(from int, s frame.Segment) {
				t.Helper()
				b.come(from)
				if !b.run(by, c.frame(from, s)) {
					t.Fatalf("%s: %+v was dropped: %+v", by, s, b.flow(key))
				}
				b.same(key, said.Id, said.Control, "a segment")
			}
			send(0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001})
			send(1, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1001})
			numbers := [2]uint32{1001, 5001}
			send(from, frame.Segment{Flags: frame.ACK, Seq: numbers[from], Ack: numbers[1-from], Payload: 10})
			numbers[from] += 10
			send(1-from, frame.Segment{Flags: frame.ACK, Seq: numbers[1-from], Ack: numbers[from], Payload: 10})
			if f := b.flow(key); state(f) != ConntrackFlowStateSTATE_ESTABLISHED {
				t.Errorf("%s: after data of end %d the flow is %+v", by, from, f)
			}
		}
		b.paired()
		c := b.connect(by)
		said := b.told(c.key())
		b.paired()
		said.Control = uint32(ConntrackFlowStateSTATE_FIN_WAIT_1) | 0x1f<<12 | 3<<22
		said.Dir[0].Numbers.FinEnd = 1001
		expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
		said.Control = uint32(ConntrackFlowStateSTATE_ESTABLISHED) | 0xf<<12 | 3<<22
		expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
		if f := b.flow(c.key()); state(f) != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s: after what was said before the FIN the flow is %+v", by, f)
		}
		said.Dir[0].Numbers.End = 1002
		expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
		if f := b.flow(c.key()); state(f) != ConntrackFlowStateSTATE_ESTABLISHED {
			t.Errorf("%s: after data beyond the FIN the flow is %+v", by, f)
		}
	}
}

// A timeout that an operator gave a flow goes with it, to the partner and back. A partner
// makes no flow end sooner that came by here.
func TestToldTimeout(t *testing.T) {
	a, b := newPair(t)
	set := func(h *harness, key ConntrackFlowKey, ticks uint32) {
		t.Helper()
		args := ConntrackRequestArgs{Key: key, Id: h.flow(key).ID(), Request: ConntrackFlowRequestREQUEST_TIMEOUT, TimeoutTicks: ticks}
		if h.syscall(h.Request, &args); args.Done != 1 {
			t.Fatalf("the timeout was not set: %+v", args)
		}
	}
	for _, by := range hooks {
		restart(a, b)
		a.lives(5)
		key := a.connect(by).key()
		a.drain()
		set(a, key, 50)
		if events := a.drain(); len(events) != 1 || events[0].From != events[0].To {
			t.Errorf("%s: the timeout that was set is not told: %+v", by, events)
		}
		a.wait(10)
		b.wait(10)
		expectResult(t, b.enter(a.told(key)), ConntrackInheritResultINHERIT_DONE)
		away := connection{b, by}
		away.client("new", frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10})
		moved := b.told(key)
		if moved.TimeoutTicks != 50 {
			t.Errorf("%s: after it moved it has the timeout %d", by, moved.TimeoutTicks)
		}
		for _, one := range []struct{ told, want uint32 }{{0, 50}, {50, 50}, {20, 50}, {70, 70}, {0, 70}} {
			moved.TimeoutTicks = one.told
			expectResult(t, a.enter(moved), ConntrackInheritResultINHERIT_DONE)
			if got := a.told(key).TimeoutTicks; got != one.want {
				t.Errorf("%s: after %d was told of it the timeout is %d, not %d", by, one.told, got, one.want)
			}
		}
		// One that it does not have.
		set(a, key, 0)
		longest := uint32(timeouts[ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED])
		for _, one := range []struct{ told, want uint32 }{{50, 0}, {longest, 0}, {longest + 1, longest + 1}} {
			moved.TimeoutTicks = one.told
			a.enter(moved)
			if got := a.told(key).TimeoutTicks; got != one.want {
				t.Errorf("%s: after %d was told of one without it is %d, not %d", by, one.told, got, one.want)
			}
		}
	}
}

// Whoever reads a flow that takes the id of its other half sees the one or the other, with its
// own control.
func TestRenamedRead(t *testing.T) {
	a, b := newPair(t)
	a.paired()
	c := connection{a, hookXDP}
	a.come(0)
	a.run(hookXDP, c.frame(0, frame.Segment{Flags: frame.SYN, Seq: 1000}))
	said := a.told(c.key())
	b.paired()
	answer := c.frame(1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})
	b.come(1)
	var stop atomic.Bool
	wrong := make(chan int)
	go func() {
		n := 0
		for !stop.Load() {
			used := b.memory.used()
			for i := range used {
				f := &used[i]
				control := atomic.LoadUint64(&f.Control)
				id := atomic.LoadUint64(&f.Id)
				if control&0x3f != 0 && atomic.LoadUint64(&f.Control) == control && control>>32 != id&0xffffffff {
					n++
				}
			}
		}
		wrong <- n
	}()
	for n := range longer(3_000, 100_000) {
		b.run(hookXDP, answer)
		said.Id = uint64(n) + 1
		expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_IS_OWN)
		if f := b.flow(c.key()); f == nil || f.ID() != said.Id {
			t.Fatalf("the flow is %+v, not %x", f, said.Id)
		}
		b.syscall(b.Request, &ConntrackRequestArgs{Key: c.key(), Id: said.Id, Request: ConntrackFlowRequestREQUEST_DELETE})
	}
	stop.Store(true)
	if n := <-wrong; n > 0 {
		t.Errorf("%d times a flow had the id of another one", n)
	}
}
