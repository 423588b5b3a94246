package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// offer lets a segment come by a tracker, and reports whether it passes.
func (p *parted) offer(h *harness, from int, s frame.Segment) bool {
	p.t.Helper()
	h.come(from)
	return h.run(p.by, p.frame(from, s))
}

// partLiving is part with two trackers that hear each other.
func partLiving(a, b *harness, by hook) *parted {
	restart(a, b)
	a.lives(5)
	b.lives(5)
	return part(a, b, by)
}

// The SYN comes by one tracker, and the rest of the handshake by the other one before that was
// told. Then the connection comes back, and nothing of it is dropped.
func TestHandshakeMovesUntold(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		p := partLiving(a, b, by)
		for i, h := range []*harness{a, b, b} {
			if !p.offer(h, i&1, opening[i]) {
				t.Errorf("%s: segment %d of the handshake was dropped", by, i)
			}
		}
		for i := range 5 {
			p.tell()
			p.wait(1)
			p.offer(b, i&1, [2]frame.Segment{{Flags: frame.ACK, Seq: 1001, Ack: 5001}, {Flags: frame.ACK, Seq: 5001, Ack: 1001}}[i&1])
		}
		for i := range 10 {
			p.tell()
			p.wait(2)
			for n, s := range []frame.Segment{{Flags: frame.ACK, Seq: 5001, Ack: 1001, Payload: 10}, {Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10}} {
				if !p.offer(a, 1-n, s) {
					t.Errorf("%s: round %d: %+v was dropped: %+v", by, i, s, a.flow(p.key()))
				}
			}
		}
	}
}

// After the answer the directions part: nothing of the answering end is dropped where its own
// direction goes on.
func TestHandshakeParts(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		p := partLiving(a, b, by)
		p.offer(a, 0, opening[0])
		p.offer(a, 1, opening[1])
		p.tell()
		p.offer(b, 0, opening[2])
		data := frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10}
		for i := range 10 {
			if !p.offer(b, 0, data) {
				t.Errorf("%s: round %d: the opener's data was dropped: %+v", by, i, b.flow(p.key()))
			}
			p.tell()
			if !p.offer(a, 1, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1011, Payload: 10}) {
				t.Errorf("%s: round %d: its answer was dropped: %+v", by, i, a.flow(p.key()))
			}
			p.wait(1)
		}
		p.tell()
		if f, g := a.flow(p.key()), b.flow(p.key()); f.ID() != g.ID() || state(f) != ConntrackFlowStateSTATE_ESTABLISHED || state(g) != state(f) {
			t.Errorf("%s: the flows are %+v and %+v", by, f, g)
		}
	}
}

// Both ends open at once, each by another tracker: each answers the SYN that came by the other
// one.
func TestHandshakeSimultaneous(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		p := partLiving(a, b, by)
		p.pass(0, frame.Segment{Flags: frame.SYN, Seq: 1000})
		p.pass(1, frame.Segment{Flags: frame.SYN, Seq: 5000})
		for range 3 {
			p.tell()
			p.wait(1)
			p.pass(0, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 1000, Ack: 5001})
			p.pass(1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})
		}
		for i := range uint32(3) {
			p.pass(0, frame.Segment{Flags: frame.ACK, Seq: 1001 + 10*i, Ack: 5001 + 10*i, Payload: 10})
			p.pass(1, frame.Segment{Flags: frame.ACK, Seq: 5001 + 10*i, Ack: 1011 + 10*i, Payload: 10})
			p.tell()
			p.wait(1)
		}
	}
}

// Both trackers hear a handshake before either has told of it: a SYN that is sent again moves,
// and so does the answer. Both come to the same id, whoever tells first, and to one state.
func TestHandshakeTwoIDs(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for heard := range len(opening) {
			for first := range 2 {
				p := partLiving(a, b, by)
				before := [2]ConntrackCpuStats{a.counters(), b.counters()}
				both := [2]*harness{a, b}
				for i := range heard + 1 {
					p.offer(a, i&1, opening[i])
				}
				for i, s := range opening {
					p.offer(b, i&1, s)
				}
				ids := [2]uint64{a.flow(p.key()).ID(), b.flow(p.key()).ID()}
				// What both tell crosses, and is told again.
				said := [2]ConntrackInheritArgs{a.told(p.key()), b.told(p.key())}
				for i := range 2 {
					both[first^i].enter(said[1-first^i])
				}
				for range 3 {
					p.tell()
				}
				f, g := a.flow(p.key()), b.flow(p.key())
				if f.ID() != min(ids[0], ids[1]) || g.ID() != f.ID() {
					t.Errorf("%s: after %d segments %x became %x and %x", by, heard+1, ids, f.ID(), g.ID())
				}
				p.wait(3)
				p.pass(1, frame.Segment{Flags: frame.ACK, Seq: 5011, Ack: 1011})
				p.offer(b, 0, frame.Segment{Flags: frame.ACK, Seq: 1011, Ack: 5011})
				p.tell()
				if f, g := a.flow(p.key()), b.flow(p.key()); f.ID() != g.ID() || state(f) != ConntrackFlowStateSTATE_ESTABLISHED || state(g) != state(f) {
					t.Errorf("%s: after %d segments the flows are %+v and %+v", by, heard+1, f, g)
				}
				a.sumsHold(before[0])
				b.sumsHold(before[1])
				a.checkTable()
				b.checkTable()
			}
		}
	}
}

// A connection that is not young keeps its id, and so does one of another SYN.
func TestHandshakeKeepsID(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for old := range 2 {
			h.reset()
			h.lives(5)
			c := h.connect(by)
			f := *h.flow(c.key())
			h.wait(9 + uint64(old))
			said := h.told(c.key())
			for d := range said.Dir {
				said.Dir[d].Packets++
			}
			said.Id = 1
			said.Dir[0].Numbers.SynSeq++
			expectResult(t, h.enter(said), ConntrackInheritResultINHERIT_OTHER)
			said.Dir[0].Numbers.SynSeq--
			if old == 1 {
				expectResult(t, h.enter(said), ConntrackInheritResultINHERIT_OTHER)
				h.same(c.key(), f.ID(), said.Control, "it was old")
				continue
			}
			expectResult(t, h.enter(said), ConntrackInheritResultINHERIT_IS_OWN)
			h.same(c.key(), 1, said.Control, "it was young")
			said.Id = 2
			expectResult(t, h.enter(said), ConntrackInheritResultINHERIT_IS_OWN)
			h.same(c.key(), 1, said.Control, "a greater id was told")
			c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10})
		}
	}
}

// What does not fit a handshake passes while there is a partner, changes nothing, and makes no
// event: who forges it neither keeps the flow alive nor ends it. A RST does not pass.
func TestHandshakeForged(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for _, c := range []struct {
			after, from int
			frame.Segment
		}{
			{1, 1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 7000, Ack: 9000}},
			{1, 0, frame.Segment{Flags: frame.FIN | frame.ACK, Seq: 1001, Ack: 9000}},
			{1, 1, frame.Segment{Flags: frame.RST | frame.ACK, Seq: 7000, Ack: 9000}},
			{2, 0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 9000, Payload: 10}},
			{2, 0, frame.Segment{Flags: frame.FIN | frame.ACK, Seq: 1 << 30, Ack: 5001}},
			{2, 1, frame.Segment{Flags: frame.ACK, Seq: 1 << 30, Ack: 1001, Payload: 10}},
			{2, 1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 7000, Ack: 9000}},
			{2, 0, frame.Segment{Flags: frame.RST, Seq: 1 << 30}},
		} {
			for paired := range 2 {
				h.reset()
				if h.enforce(true); paired == 1 {
					h.lives(5)
				}
				p := part(h, h, by)
				for i, s := range opening[:c.after] {
					p.pass(i&1, s)
				}
				h.drain()
				h.wait(1)
				was := *h.flow(p.key())
				if got, want := p.offer(h, c.from, c.Segment), paired == 1 && c.Flags&frame.RST == 0; got != want {
					t.Errorf("%s, paired %d: it passes: %v: %+v", by, paired, got, c)
				}
				got := *h.flow(p.key())
				if got.Origin.Others = was.Origin.Others; got != was {
					t.Errorf("%s, paired %d: %+v changed\n%+v to\n%+v", by, paired, c, was, got)
				}
				if events := h.drain(); len(events) > 0 {
					t.Errorf("%s, paired %d: %+v made %+v", by, paired, c, events)
				}
			}
		}
	}
}

// Connections change between two trackers at any moment, as a whole or in parts, from their
// first segment on, and some open from both ends at once. Nothing of them is dropped.
func TestHandshakeSearch(t *testing.T) {
	a, b := newPair(t)
	open := 0
	for seed := range uint64(400) {
		p := partLiving(a, b, hooks[seed%uint64(len(hooks))])
		before := [2]ConntrackCpuStats{a.counters(), b.counters()}
		x := newExchange(p, seed)
		for i := range 30 + x.random.IntN(200) {
			x.step()
			if x.refused != "" {
				t.Errorf("seed %d: step %d: dropped: %s", seed, i, x.refused)
				break
			}
			if x.random.IntN(4) == 0 || i%12 == 0 {
				p.tell()
			}
			if x.random.IntN(12) == 0 {
				p.wait(x.random.Uint64N(3))
			}
		}
		if x.ends[0].open && x.ends[1].open {
			open++
		}
		a.sumsHold(before[0])
		b.sumsHold(before[1])
	}
	a.checkTable()
	b.checkTable()
	if open < 300 {
		t.Errorf("%d of 400 connections came to be open", open)
	}
}
