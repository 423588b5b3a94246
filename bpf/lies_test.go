package bpf

import (
	"math/rand/v2"
	"testing"

	"ctop/internal/frame"
)

// lies are what a partner may say of the state of a flow: each state, with every set of the
// flags of TCP.
func lies(visit func(control uint32)) {
	const shift = 12 // FLOW_SYN_SENT to FLOW_FIN_ACKED are eight bits, and FLOW_SEEN two
	for state := uint32(1); state <= uint32(ConntrackFlowStateSTATE_TIME_WAIT); state++ {
		for flags := range uint32(256) {
			for seen := range uint32(4) {
				for _, more := range []uint32{0, uint32(ConntrackFlowFlagFLOW_MIDSTREAM), uint32(ConntrackFlowFlagFLOW_REVERSED)} {
					visit(state | flags<<shift | seen<<22 | more)
				}
			}
		}
	}
}

// Whatever a partner says of the state of a connection that this tracker hears, and that it
// says it has heard later, and that it has ended: its packets pass, and it stays.
func TestLiesAboutState(t *testing.T) {
	_, b := newPair(t)
	random := rand.New(rand.NewPCG(4, 4))
	n := 0
	lies(func(control uint32) {
		if n++; n%longerStep() != 0 {
			return
		}
		b.paired()
		by := hooks[n%len(hooks)]
		c := b.connect(by)
		key, next := c.key(), [2]uint32{1001, 5001}
		id := b.flow(key).ID()
		for range 2 {
			b.wait(10)
			said := ConntrackInheritArgs{Key: key, Id: id, Control: control, MarginTicks: 2}
			for d := range said.Dir {
				dir := &said.Dir[d]
				dir.Packets = 1
				dir.Numbers.End, dir.Numbers.Acked, dir.Numbers.Limit = random.Uint32(), random.Uint32(), random.Uint32()
				dir.Numbers.SynSeq, dir.Numbers.FinEnd, dir.Numbers.MaxWindow = random.Uint32(), random.Uint32(), random.Uint32()
			}
			b.enter(said)
			for i := range 4 {
				from := (n + i) & 1
				s := frame.Segment{Flags: frame.ACK, Seq: next[from], Ack: next[1-from], Payload: 10}
				b.come(from)
				if !b.run(by, c.frame(from, s)) {
					t.Fatalf("%s: packet %d of %d was dropped after %#x was told: %+v", by, i, from, control, b.flow(key))
				}
				next[from] += 10
				b.same(key, id, control, "the packet")
				b.enter(said)
				b.same(key, id, control, "it was told again")
				other := said
				other.Id ^= 0xff00ff
				b.enter(other)
				b.same(key, id, control, "another id was told")
				b.end(key, id)
				b.same(key, id, control, "its end was told")
			}
		}
	})
	b.checkTable()
}

// longerStep is one of how many lies is told.
func longerStep() int { return int(longer(7, 1)) }

// same fails if the flow of a key has another id.
func (h *harness) same(key ConntrackFlowKey, id uint64, control uint32, after string) {
	h.t.Helper()
	if f := h.flow(key); f == nil || f.ID() != id {
		h.t.Fatalf("%x became %+v after %#x was told, and %s", id, f, control, after)
	}
}

// Without any packet, a flow that this tracker has heard stays, whatever is said of it.
func TestLiesWithoutPackets(t *testing.T) {
	_, b := newPair(t)
	random := rand.New(rand.NewPCG(4, 4))
	c := b.connect(hooks[0])
	key := c.key()
	id := b.flow(key).ID()
	b.wait(300)
	for range longer(5_000, 200_000) {
		said := ConntrackInheritArgs{Key: key, Id: id, Control: random.Uint32()&^0x7f | random.Uint32N(10), MarginTicks: 250}
		for d := range said.Dir {
			said.Dir[d].Packets = 1 + random.Uint64N(5)
		}
		if random.IntN(4) == 0 {
			said.Id = random.Uint64()
		}
		what := "its end was told"
		if random.IntN(2) == 0 {
			what = "it was told"
			b.enter(said)
		} else {
			b.end(key, id)
		}
		b.same(key, id, said.Control, what)
		b.wait(1)
	}
	b.checkTable()
}
