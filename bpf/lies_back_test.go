package bpf

import (
	"math/rand/v2"
	"testing"

	"ctop/internal/frame"
)

// saidOf is what a partner may say of a flow whose numbers it does not know.
func saidOf(random *rand.Rand, key ConntrackFlowKey, id uint64, control uint32) ConntrackInheritArgs {
	said := ConntrackInheritArgs{Key: key, Id: id, Control: control, MarginTicks: 2, AgeNs: random.Uint64() >> 20}
	for d := range said.Dir {
		n := &said.Dir[d].Numbers
		said.Dir[d].Packets = 1
		n.End, n.Acked, n.Limit, n.SynSeq, n.FinEnd, n.MaxWindow = random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32(), random.Uint32()
		n.Wscale = uint8(random.Uint32())
	}
	return said
}

// A partner cannot make a flow that was answered here one that was not, which lives for less
// long: neither while it is this tracker's own nor after it moved.
func TestLiesGoBack(t *testing.T) {
	_, b := newPair(t)
	random := rand.New(rand.NewPCG(7, 1))
	lies(func(control uint32) {
		if control&0x3f >= uint32(ConntrackFlowStateSTATE_ESTABLISHED) {
			return
		}
		b.paired()
		c := b.connect(hookXDP)
		key := c.key()
		id := b.flow(key).ID()
		said := saidOf(random, key, id, control)
		for _, moved := range []bool{false, true} {
			b.wait(10)
			if moved {
				told := saidOf(random, key, id, uint32(ConntrackFlowStateSTATE_ESTABLISHED))
				expectResult(t, b.enter(told), ConntrackInheritResultINHERIT_DONE)
				b.wait(10)
			}
			expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_IS_OWN)
			if f := b.flow(key); state(f) != ConntrackFlowStateSTATE_ESTABLISHED || f.ID() != id || inherited(f) != moved {
				t.Fatalf("moved %t: after %#x was told the flow is %+v", moved, control, f)
			}
		}
	})
}

// A partner tells of a flow that is still to begin, whatever it says of it. The SYN that
// comes then begins an own flow, whose numbers are those of its packets.
func TestLiesAboutTheFuture(t *testing.T) {
	_, b := newPair(t)
	random := rand.New(rand.NewPCG(7, 2))
	n := 0
	lies(func(control uint32) {
		if n++; n%longerStep() != 0 {
			return
		}
		by := hooks[n%len(hooks)]
		b.paired()
		c := connection{b, by}
		said := saidOf(random, c.key(), random.Uint64(), control)
		b.enter(said)
		b.wait(1)
		next := [2]uint32{1001, 5001}
		for i, s := range []frame.Segment{
			{Flags: frame.SYN, Seq: 1000}, {Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001}, {Flags: frame.ACK, Seq: 1001, Ack: 5001},
		} {
			b.come(i & 1)
			if !b.run(by, c.frame(i&1, s)) {
				t.Fatalf("%s: segment %d was dropped after %#x was told: %+v", by, i, control, b.flow(c.key()))
			}
		}
		for i := range 6 {
			from := i & 1
			b.come(from)
			if !b.run(by, c.frame(from, frame.Segment{Flags: frame.ACK, Seq: next[from], Ack: next[1-from], Payload: 10})) {
				t.Fatalf("%s: data %d was dropped after %#x was told: %+v", by, i, control, b.flow(c.key()))
			}
			next[from] += 10
		}
		f := b.flow(c.key())
		if f == nil || f.ID() == said.Id || inherited(f) || state(f) != ConntrackFlowStateSTATE_ESTABLISHED || f.Control&bothSeen != bothSeen ||
			f.Dir[0].End != next[0] || f.Dir[1].End != next[1] || f.Dir[1].Acked != next[0] {
			t.Fatalf("%s: after %#x was told the flow is %+v", by, control, f)
		}
		b.come(0)
		if b.run(by, c.frame(0, frame.Segment{Flags: frame.ACK, Seq: next[0] + 1<<28, Ack: next[1], Payload: 10})) {
			t.Fatalf("%s: after %#x was told a segment outside the window passes: %+v", by, control, b.flow(c.key()))
		}
	})
	b.checkTable()
}
