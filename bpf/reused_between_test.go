package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// openedAt returns a connection that was opened at a, while b lives and was told.
func openedAt(a, b *harness, by hook) *parted {
	p := partLiving(a, b, by)
	for i, s := range opening {
		p.offer(a, i&1, s)
	}
	p.tell()
	return p
}

// A connection moves from a to b and ends there at once, so a keeps its own flow, which it marks
// as ended. The tuple is used again at b, which tells a of that, and the new connection moves
// to a: nothing of it is dropped.
func TestReusedAfterMove(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, fin := range []bool{false, true} {
			p := openedAt(a, b, by)
			// It moves to b, and ends within the same moment.
			p.offer(b, 0, frame.Segment{Flags: frame.ACK, Seq: 1011, Ack: 5011})
			p.offer(b, 1, frame.Segment{Flags: frame.ACK, Seq: 5011, Ack: 1011})
			if fin {
				for i, s := range closings[2].segments {
					p.offer(b, closings[2].froms[i], s)
				}
			} else {
				p.offer(b, 0, frame.Segment{Flags: frame.RST, Seq: 1011})
			}
			p.tell()
			p.ended = [2]int{}
			p.wait(10)
			// The tuple again, with other numbers.
			again := []frame.Segment{
				{Flags: frame.SYN, Seq: 1 << 30},
				{Flags: frame.SYN | frame.ACK, Seq: 3 << 30, Ack: 1<<30 + 1},
				{Flags: frame.ACK, Seq: 1<<30 + 1, Ack: 3<<30 + 1},
			}
			for i, s := range again {
				if !p.offer(b, i&1, s) {
					t.Errorf("%s, FIN %t: segment %d of the new handshake was dropped at b", by, fin, i)
				}
			}
			for range 5 {
				p.tell()
				p.wait(2)
				p.offer(b, 1, frame.Segment{Flags: frame.ACK, Seq: 3<<30 + 1, Ack: 1<<30 + 1})
				p.offer(b, 0, frame.Segment{Flags: frame.ACK, Seq: 1<<30 + 1, Ack: 3<<30 + 1})
				p.tell()
			}
			dropped := 0
			for range 8 {
				for i, s := range []frame.Segment{
					{Flags: frame.ACK, Seq: 1<<30 + 1, Ack: 3<<30 + 1, Payload: 10},
					{Flags: frame.ACK, Seq: 3<<30 + 1, Ack: 1<<30 + 11, Payload: 10},
				} {
					if i == 1 && dropped > 0 {
						continue // it has not heard anything to answer
					}
					if !p.offer(a, i, s) {
						dropped++
					}
				}
				p.tell()
			}
			if dropped > 0 {
				t.Errorf("%s, FIN %t: %d segments of the new connection were dropped at a, which has %+v, and b %+v", by, fin, dropped, a.flow(p.key()), b.flow(p.key()))
			}
		}
	}
}

// The same, but the new connection has its directions parted from the beginning: its SYN comes by
// b, and the answer by a.
func TestReusedAndParted(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		p := openedAt(a, b, by)
		p.offer(b, 0, frame.Segment{Flags: frame.ACK, Seq: 1011, Ack: 5011})
		p.offer(b, 0, frame.Segment{Flags: frame.RST, Seq: 1011})
		p.tell()
		p.ended = [2]int{}
		dropped := 0
		for range 10 {
			p.wait(10)
			p.offer(b, 0, frame.Segment{Flags: frame.SYN, Seq: 1 << 30})
			p.tell()
			if !p.offer(a, 1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 3 << 30, Ack: 1<<30 + 1}) {
				dropped++
			}
			p.tell()
		}
		if dropped > 0 {
			t.Errorf("%s: the answer was dropped %d times of 10 in 100 s: a has %+v", by, dropped, a.flow(p.key()))
		}
	}
}

// A connection closes from both ends at once while it moves: its last ACKs come by both trackers,
// once more by b after a has told that it ended. Neither has it ten minutes after its last packet.
func TestLastACKAfterTheEnd(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		p := openedAt(a, b, by)
		c := closings[4]
		offer := func(h *harness, i int) {
			if !p.offer(h, c.froms[i], c.segments[i]) {
				t.Errorf("%s: segment %d was dropped", by, i)
			}
		}
		offer(a, 0)
		offer(a, 1)
		p.tell()
		offer(b, 2)
		offer(b, 3)
		p.tell()
		offer(a, 2)
		offer(a, 3)
		p.tell()
		offer(b, 2)
		for range 60 {
			p.wait(10)
			for _, h := range []*harness{a, b} {
				h.sweep(ConntrackSweepArgs{SpareInherited: 1})
			}
			p.tell()
		}
		for i, h := range []*harness{a, b} {
			if f := h.flow(p.key()); f != nil {
				t.Errorf("%s: tracker %d has it after ten minutes: %s, flags %08x", by, i, stateNames[state(f)], uint32(f.Control))
			}
		}
	}
}
