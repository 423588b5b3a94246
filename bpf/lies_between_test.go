package bpf

import (
	"math/rand/v2"
	"testing"
	"time"

	"ctop/internal/frame"
)

// talk is a connection as its ends see it.
type talk struct {
	connection
	random *rand.Rand
	// next is the number of the next byte of either end.
	next [2]uint32
	// trail is what came so far, for the one who reads of a failure.
	trail []any
	id    uint64
}

// send sends a segment, which has to pass in the flow that there is.
func (k *talk) send(from int, flags uint8, payload int) {
	k.t.Helper()
	s := frame.Segment{Flags: flags, Seq: k.next[from], Payload: payload}
	if flags&frame.ACK != 0 {
		s.Ack = k.next[1-from]
	}
	if flags&frame.SYN != 0 {
		s.Seq--
	}
	k.trail = append(k.trail, from, s)
	k.come(from)
	if !k.run(k.by, k.frame(from, s)) {
		k.t.Fatalf("%s: %+v of end %d was dropped: %+v\nafter %+v", k.by, s, from, k.flow(k.key()), k.trail)
	}
	k.next[from] += uint32(payload)
	if flags&frame.FIN != 0 {
		k.next[from]++
	}
	k.stays()
}

// stays fails if the connection is not the flow that it was.
func (k *talk) stays() {
	k.t.Helper()
	f := k.flow(k.key())
	if k.id == 0 && f != nil {
		k.id = f.ID()
	}
	// One of the last ten seconds may have begun there, too, under an id that is smaller.
	if f != nil && f.ID() < k.id && k.config.InjectedNs-f.CreatedNs < uint64(10*time.Second) {
		k.id = f.ID()
	}
	if f == nil || f.ID() != k.id {
		k.t.Fatalf("%s: flow %x is %+v\nafter %+v", k.by, k.id, f, k.trail)
	}
}

// lie lets the partner say something about the connection, or nothing.
func (k *talk) lie() {
	k.t.Helper()
	for range k.random.IntN(4) {
		control := k.random.Uint32N(9) | k.random.Uint32()&(0xff<<12|3<<22|uint32(ConntrackFlowFlagFLOW_MIDSTREAM))
		if k.random.IntN(8) == 0 {
			control |= uint32(ConntrackFlowFlagFLOW_REVERSED)
		}
		said := saidOf(k.random, k.key(), k.id, control)
		if f := k.flow(k.key()); k.random.IntN(2) == 0 && f != nil {
			// It knows the numbers, since it was told of them.
			for d := range said.Dir {
				n := said.Dir[d].Numbers
				said.Dir[d].Numbers = f.Dir[d]
				if k.random.IntN(2) == 0 {
					said.Dir[d].Numbers.FinEnd, said.Dir[d].Numbers.Acked = f.Dir[d].End, n.Acked
				}
			}
		}
		for d := range said.Dir {
			said.Dir[d].Packets = k.random.Uint64N(3)
			said.Dir[d].IdleTicks = k.random.Uint64N(3)
		}
		switch k.random.IntN(6) {
		case 0:
			said.Id = k.random.Uint64()
		case 1:
			k.trail = append(k.trail, "its end is told")
			k.end(k.key(), k.id)
			k.stays()
			continue
		}
		k.trail = append(k.trail, said.Id == k.id, said.Control, said.Dir)
		k.enter(said)
		k.stays()
	}
	if k.random.IntN(3) == 0 {
		k.wait(k.random.Uint64N(4))
	}
}

// Whatever a partner says of a connection between its segments, from its SYN until it has
// ended: its segments pass, its flow stays, though a young one may get another id, and when there is no partner any more it still
// goes on.
func TestLiesBetweenSegments(t *testing.T) {
	_, b := newPair(t)
	random := rand.New(rand.NewPCG(20, 1))
	for n := range longer(1_500, 100_000) {
		b.paired()
		k := &talk{connection: connection{b, hooks[n%2]}, random: random, next: [2]uint32{random.Uint32(), random.Uint32()}}
		k.send(0, frame.SYN, 0)
		k.lie()
		for random.IntN(4) == 0 {
			k.send(0, frame.SYN, 0)
			k.lie()
		}
		k.send(1, frame.SYN|frame.ACK, 0)
		k.lie()
		for random.IntN(4) == 0 {
			k.send(0, frame.SYN, 0)
			k.lie()
			k.send(1, frame.SYN|frame.ACK, 0)
			k.lie()
		}
		k.send(0, frame.ACK, 0)
		k.lie()
		data := func(ends ...int) {
			for range random.IntN(6) {
				k.send(ends[random.IntN(len(ends))], frame.ACK, random.IntN(1000))
				k.lie()
			}
		}
		data(0, 1)
		switch random.IntN(3) {
		case 0:
			// The partner is gone.
			for i := range 6 {
				k.send(i&1, frame.ACK, 100)
			}
			b.config.Paired = 0
			b.configure()
			data = func(ends ...int) {
				for range random.IntN(6) {
					k.send(ends[random.IntN(len(ends))], frame.ACK, random.IntN(1000))
				}
			}
			data(0, 1)
		case 1:
			continue
		}
		first := random.IntN(2)
		k.send(first, frame.ACK|frame.FIN, random.IntN(100))
		data(1 - first)
		for range 3 {
			k.send(first, frame.ACK, 0)
			data(1 - first)
		}
	}
	b.checkTable()
}
