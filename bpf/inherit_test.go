package bpf

import (
	"math/rand/v2"
	"testing"
	"time"

	"ctop/internal/frame"
)

// Flags of a direction that the generated constants have for the origin alone.
const bothSeen = 3 * uint64(ConntrackFlowFlagFLOW_SEEN)

// ask runs a step of inherit and returns its result.
func (h *harness) ask(args *ConntrackInheritArgs) ConntrackInheritResult {
	h.t.Helper()
	h.syscall(h.Inherit, args)
	return args.Result
}

// told returns what the tracker tells its partner of a flow.
func (h *harness) told(key ConntrackFlowKey) ConntrackInheritArgs {
	h.t.Helper()
	args := ConntrackInheritArgs{Key: key, Step: ConntrackInheritStepINHERIT_READ, MarginTicks: 2}
	if got := h.ask(&args); got != ConntrackInheritResultINHERIT_DONE {
		h.t.Fatalf("read %+v: %d", key, got)
	}
	return args
}

// enter tells the tracker of a flow of its partner.
func (h *harness) enter(args ConntrackInheritArgs) ConntrackInheritResult {
	h.t.Helper()
	args.Step = ConntrackInheritStepINHERIT_ENTER
	return h.ask(&args)
}

// end tells the tracker that a flow of its partner has ended.
func (h *harness) end(key ConntrackFlowKey, id uint64) ConntrackInheritResult {
	h.t.Helper()
	return h.ask(&ConntrackInheritArgs{Key: key, Id: id, Step: ConntrackInheritStepINHERIT_END, Reason: ConntrackReasonREASON_CLOSED})
}

// expectResult compares the result of a step.
func expectResult(t testing.TB, got, want ConntrackInheritResult) {
	t.Helper()
	if got != want {
		t.Fatalf("the result is %d, want %d", got, want)
	}
}

// newPair returns two trackers, whose tables and clocks differ.
func newPair(t testing.TB) (a, b *harness) {
	a, b = newHarness(t, setup{}), newHarness(t, setup{MaxFlows: 4095, IDSeed: 1 << 40})
	restart(a, b)
	return a, b
}

// restart empties both tables.
func restart(a, b *harness) {
	a.t.Helper()
	a.reset()
	b.reset()
	b.config.InjectedTicks, b.config.InjectedNs = 1<<31, 1<<33+600*uint64(time.Second)
	for _, h := range []*harness{a, b} {
		h.config.Paired = 1
		h.enforce(true)
	}
}

// paired empties the table of a tracker that has a partner, and enforces.
func (h *harness) paired() {
	h.t.Helper()
	h.reset()
	h.config.Paired = 1
	h.enforce(true)
}

// inherited reports whether a flow is the partner's.
func inherited(f *ConntrackFlow) bool { return f != nil && hasFlag(f, ConntrackFlowFlagFLOW_INHERITED) }

// A flow goes on by the other tracker, though it has advanced by far more than a window
// since that was told, and with its sides exchanged. It keeps id, state, counters and age.
func TestInheritedFlowGoesOn(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, first := range []int{0, 1} {
			restart(a, b)
			before := b.counters()
			here := a.connect(by)
			a.wait(3)
			said := a.told(here.key())
			expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
			was, f := a.flow(here.key()), b.flow(here.key())
			if !inherited(f) || f.ID() != was.ID() || state(f) != state(was) || f.Origin.Packets != 2 || f.Reply.Packets != 1 ||
				b.config.InjectedNs-f.CreatedNs != uint64(3*time.Second) || b.config.InjectedTicks-f.Origin.LastSeenTicks != 3 {
				t.Fatalf("%s: %+v was entered as %+v", by, was, f)
			}
			next := [2]frame.Segment{
				{Flags: frame.ACK, Seq: 1001 + 1<<29, Ack: 5001 + 1<<28, Payload: 10},
				{Flags: frame.ACK, Seq: 5001 + 1<<28, Ack: 1011 + 1<<29, Payload: 20},
			}
			if first == 1 {
				next[1].Ack -= 10
				next[0].Ack += 20
			}
			for i := range 20 {
				from := (first + i) & 1
				b.come(1 - from)
				if forwarded := b.run(by, here.frame(from, next[from])); !forwarded {
					t.Fatalf("%s: packet %d was dropped: %+v", by, i, b.flow(here.key()))
				}
				next[from].Seq += uint32(next[from].Payload)
				next[1-from].Ack = next[from].Seq
			}
			f = b.flow(here.key())
			if inherited(f) || f.ID() != was.ID() || state(f) != ConntrackFlowStateSTATE_ESTABLISHED || f.Origin.Packets != 12 || f.Reply.Packets != 11 {
				t.Errorf("%s: the flow became %+v", by, f)
			}
			// What is outside the window of packets is refused again.
			b.come(1)
			if b.run(by, here.frame(0, frame.Segment{Flags: frame.ACK, Seq: next[0].Seq + 1<<31, Ack: next[0].Ack, Payload: 10})) {
				t.Errorf("%s: a segment outside the window passes in %+v", by, b.flow(here.key()))
			}
			b.sumsHold(before)
		}
	}
}

// A handshake goes on by the other tracker from wherever it was.
func TestInheritedHandshake(t *testing.T) {
	a, b := newPair(t)
	steps := []struct {
		from int
		frame.Segment
	}{
		{0, frame.Segment{Flags: frame.SYN, Seq: 1000}},
		{1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001}},
		{0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 100}},
		{1, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1101, Payload: 100}},
		{0, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 1101, Ack: 5101}},
		{1, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 5101, Ack: 1102}},
		{0, frame.Segment{Flags: frame.ACK, Seq: 1102, Ack: 5102}},
	}
	for _, by := range hooks {
		for moved := range steps {
			for _, known := range []bool{true, false} {
				restart(a, b)
				c := connection{a, by}
				for i, s := range steps {
					h := a
					if i >= moved {
						h = b
					}
					if i == moved && i > 0 && known {
						if f := a.flow(c.key()); f != nil {
							expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
						}
					}
					h.come(s.from)
					if !h.run(by, c.frame(s.from, s.Segment)) {
						t.Fatalf("%s, moved before packet %d (told: %t): packet %d was dropped: %+v", by, moved, known, i, h.flow(c.key()))
					}
				}
				if f := b.flow(c.key()); known && f != nil && inherited(f) {
					t.Errorf("%s, moved before packet %d: the flow is %+v", by, moved, f)
				}
			}
		}
	}
}

// A flow that moved away and advanced there comes back: it is the partner's meanwhile, and
// what the partner says of it does not cut it here.
func TestInheritedComesBack(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		restart(a, b)
		c := a.connect(by)
		key := c.key()
		expectResult(t, b.enter(a.told(key)), ConntrackInheritResultINHERIT_DONE)
		a.wait(10)
		b.wait(10)
		away := connection{b, by}
		away.client("new", frame.Segment{Flags: frame.ACK, Seq: 1001 + 1<<28, Ack: 5001, Payload: 10})
		// The partner heard it later: it is the partner's.
		expectResult(t, a.enter(b.told(key)), ConntrackInheritResultINHERIT_DONE)
		if f := a.flow(key); !inherited(f) || !hasFlag(f, ConntrackFlowFlagFLOW_KEPT) {
			t.Fatalf("%s: the flow that moved is %+v", by, f)
		}
		// What this tracker heard is not ended by words.
		expectResult(t, a.end(key, b.flow(key).ID()), ConntrackInheritResultINHERIT_IS_OWN)
		if f := a.flow(key); f == nil || inherited(f) {
			t.Fatalf("%s: the flow that ended elsewhere is %+v", by, f)
		}
		c.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1011 + 1<<28, Payload: 10})
		c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1011 + 1<<28, Ack: 5011, Payload: 10})
		// And the copy over there does not take it away again.
		expectResult(t, a.enter(b.told(key)), ConntrackInheritResultINHERIT_IS_OWN)
		if f := a.flow(key); inherited(f) || f.Control&bothSeen != bothSeen {
			t.Errorf("%s: the flow that came back is %+v", by, f)
		}
	}
}

// Inherited flows stay as long as the partner lives, and end by their own timeouts after
// that. The partner's word ends them at once.
func TestInheritedEnds(t *testing.T) {
	a, b := newPair(t)
	c := a.connect(hookXDP)
	before := b.counters()
	expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
	id := a.flow(c.key()).ID()
	b.wait(timeouts[ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED] + 1)
	sweep := b.sweep(ConntrackSweepArgs{SpareInherited: 1, Pressure: 200})
	if sweep.Visited != 1 || sweep.Expired != 0 || b.count() != 1 {
		t.Fatalf("swept %+v", sweep)
	}
	expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
	expectResult(t, b.end(c.key(), id+1), ConntrackInheritResultINHERIT_OTHER)
	expectResult(t, b.end(c.key(), id), ConntrackInheritResultINHERIT_DONE)
	expectResult(t, b.end(c.key(), id), ConntrackInheritResultINHERIT_NONE)
	expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
	b.wait(timeouts[ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED] + 1)
	b.sweep(ConntrackSweepArgs{})
	b.expectFlows(0)
	counted := b.since(before)
	if counted.Created != 2 || counted.Destroyed[ConntrackReasonREASON_CLOSED] != 1 || counted.Destroyed[ConntrackReasonREASON_EXPIRED] != 1 {
		t.Errorf("counted %+v", counted)
	}
	var lost []ConntrackEvent
	for _, e := range b.drain() {
		if e.Flags&ConntrackFlowFlagFLOW_INHERITED == 0 {
			lost = append(lost, e)
		}
	}
	if len(lost) != 0 {
		t.Errorf("events that do not say that the flow is inherited: %+v", lost)
	}
}

// A flow that the partner has lost becomes this tracker's own.
func TestInheritedIsClaimed(t *testing.T) {
	a, b := newPair(t)
	c := a.connect(hookXDP)
	args := a.told(c.key())
	expectResult(t, b.enter(args), ConntrackInheritResultINHERIT_DONE)
	args.Step = ConntrackInheritStepINHERIT_OWN
	expectResult(t, b.ask(&args), ConntrackInheritResultINHERIT_DONE)
	expectResult(t, b.ask(&args), ConntrackInheritResultINHERIT_IS_OWN)
	if f := b.flow(c.key()); inherited(f) || !hasFlag(f, ConntrackFlowFlagFLOW_KEPT) {
		t.Errorf("the flow is %+v", f)
	}
}

// In a full table flows of the partner are refused, and those that are there make room for
// own ones.
func TestInheritedMakesRoom(t *testing.T) {
	const room = 64
	a, b := newHarness(t, setup{}), newHarness(t, setup{MaxFlows: room})
	for _, by := range hooks {
		a.reset()
		b.reset()
		before := b.counters()
		for port := range uint16(2 * room) {
			a.handshake(by, 1000+port)
		}
		entered := 0
		a.memory.Each(func(f *ConntrackFlow) {
			switch got := b.enter(a.told(f.Key)); got {
			case ConntrackInheritResultINHERIT_DONE:
				entered++
			case ConntrackInheritResultINHERIT_FULL:
			default:
				t.Fatalf("the result is %d", got)
			}
		})
		if entered != room {
			t.Errorf("%s: %d flows of %d were entered", by, entered, room)
		}
		for port := range uint16(room) {
			b.handshake(by, 9000+port)
		}
		for port := range uint16(2 * room) {
			b.come(0)
			b.expect(by, tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port + 20000, Dport: 443}), "untracked")
		}
		counted, own := b.since(before), 0
		b.memory.Each(func(f *ConntrackFlow) {
			if !inherited(f) {
				own++
			}
		})
		if own != room || counted.Destroyed[ConntrackReasonREASON_EVICTED] != room {
			t.Errorf("%s: %d own flows of %d stay, counted %+v", by, own, room, counted)
		}
		b.sumsHold(before)
	}
}

// Whatever a partner says, packets of live connections are not dropped, their flows are not
// taken away, and the table stays in order.
func TestHostilePartner(t *testing.T) {
	a, b := newPair(t)
	for i, by := range hooks {
		restart(a, b)
		before := b.counters()
		random := rand.New(rand.NewPCG(uint64(i), 21))
		c := b.connect(by)
		key, next := c.key(), [2]uint32{1001, 5001}
		id := b.flow(key).ID()
		for range longer(3_000, 300_000) {
			for range random.IntN(4) {
				b.ask(hostile(random, key, id))
			}
			if random.IntN(8) == 0 {
				b.wait(uint64(random.IntN(20)))
			}
			if random.IntN(50) == 0 {
				b.sweep(ConntrackSweepArgs{SpareInherited: random.Uint32N(2)})
			}
			from := random.IntN(2)
			s := frame.Segment{Flags: frame.ACK, Seq: next[from], Ack: next[1-from], Payload: random.IntN(100)}
			b.come(from)
			if !b.run(by, c.frame(from, s)) {
				t.Fatalf("%s: %+v was dropped, the flow is %+v", by, s, b.flow(key))
			}
			next[from] += uint32(s.Payload)
			if f := b.flow(key); f == nil || f.ID() != id || inherited(f) {
				t.Fatalf("%s: flow %x became %+v", by, id, f)
			}
		}
		b.checkTable()
		b.sumsHold(before)
	}
}

// hostile returns what a partner may say, most of it about a flow that is not its own.
func hostile(random *rand.Rand, key ConntrackFlowKey, id uint64) *ConntrackInheritArgs {
	args := &ConntrackInheritArgs{
		Key: key, Id: id, Step: ConntrackInheritStep(random.IntN(5)), Control: random.Uint32(), AgeNs: random.Uint64(),
		Reason: ConntrackReason(random.IntN(10)), MarginTicks: 2, TimeoutTicks: random.Uint32N(2) * random.Uint32(),
	}
	if random.IntN(2) == 0 {
		args.Control = args.Control&^0x3f | random.Uint32N(10)
	}
	for d := range args.Dir {
		dir := &args.Dir[d]
		dir.Packets, dir.Bytes = random.Uint64N(3), random.Uint64()
		dir.IdleTicks = random.Uint64() >> random.IntN(64)
		n := &dir.Numbers
		n.End, n.Acked, n.Limit, n.MaxWindow, n.SynSeq, n.FinEnd = random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32()
		n.Wscale = uint8(random.Uint32())
	}
	switch random.IntN(8) {
	case 0:
		args.Id = random.Uint64()
	case 1:
		args.Key.Port[0], args.Key.Proto = uint16(random.IntN(50)), []uint8{6, 17, 1, 0}[random.IntN(4)]
	}
	return args
}
