package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// forgery is what somebody sends who knows a tuple alone, and sends by one side only: two
// segments in turn, as those of either end.
type forgery struct {
	name        string
	flags       [2]uint8
	side, first int
}

func forgeries() (all []forgery) {
	for _, f := range []forgery{
		{name: "data", flags: [2]uint8{frame.ACK, frame.ACK}},
		{name: "a beginning", flags: [2]uint8{frame.SYN, frame.SYN}},
		{name: "an answer", flags: [2]uint8{frame.SYN, frame.SYN | frame.ACK}},
		{name: "the end", flags: [2]uint8{frame.FIN | frame.ACK, frame.FIN | frame.ACK}},
		{name: "a reset", flags: [2]uint8{frame.RST, frame.RST}},
		{name: "data and a reset", flags: [2]uint8{frame.ACK, frame.RST}},
	} {
		for i := range 4 {
			f.side, f.first = i&1, i>>1
			all = append(all, f)
		}
	}
	return all
}

func (f *forgery) send(c connection) {
	numbers := [2]uint32{1 << 30, 3 << 29}
	for i := range 4 {
		from := (f.first + i) & 1
		c.come(f.side)
		c.run(c.by, c.frame(from, frame.Segment{Flags: f.flags[from], Seq: numbers[from], Ack: numbers[1-from], Payload: 10}))
		c.wait(1)
	}
}

// A flow of the partner gets forged packets before any of its ends. Whatever they are, the
// ends go on, and the flow has their numbers and sides.
func TestAdoptedByForger(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, forged := range forgeries() {
			restart(a, b)
			b.lives(5)
			key := a.connect(by).key()
			told := a.told(key)
			expectResult(t, b.enter(told), ConntrackInheritResultINHERIT_DONE)
			c := connection{b, by}
			forged.send(c)
			c.wait(10)
			next := c.goOn([2]uint32{1001 + 1<<26, 5001 + 1<<26}, 12)
			if f := b.flow(key); f == nil || f.ID() != told.Id || f.Control&bothSeen != bothSeen || f.Dir[0].Acked != next[1] || f.Dir[1].Acked != next[0] {
				t.Errorf("%s: after %+v the flow is %+v", by, forged, f)
			}
		}
	}
}

// goOn lets two ends talk, who send again what is lost, and answer what comes. It fails if
// they do not come through.
func (c connection) goOn(next [2]uint32, segments int) [2]uint32 {
	c.t.Helper()
	send := func(from, payload int) bool {
		c.come(from)
		return c.run(c.by, c.frame(from, frame.Segment{Flags: frame.ACK, Seq: next[from], Ack: next[1-from], Payload: payload}))
	}
	for i := range segments {
		from := i & 1
		for tries := 0; !send(from, 10); tries++ {
			if c.wait(6); tries == 3 {
				c.t.Fatalf("%s: segment %d was dropped: %+v", c.by, i, c.flow(c.key()))
			}
		}
		next[from] += 10
		send(1-from, 0)
		c.wait(6)
	}
	return next
}

// A flow of the partner gets a forged segment and a RST with its number, as of either end and
// by either side. None of 256 that are spread over the numbers ends it.
func TestAdoptedAndReset(t *testing.T) {
	const guesses = 256
	a, b := newPair(t)
	for _, by := range hooks {
		for i := range uint32(4) {
			side, from := int(i&1), int(i>>1)
			ended := 0
			for n := range uint32(guesses) {
				restart(a, b)
				key := a.connect(by).key()
				expectResult(t, b.enter(a.told(key)), ConntrackInheritResultINHERIT_DONE)
				c := connection{b, by}
				// None is near a number of the connection.
				seq := 1<<23 + n<<24
				b.come(side)
				b.run(by, c.frame(from, frame.Segment{Flags: frame.ACK, Seq: seq, Ack: seq ^ 1<<31, Payload: 10}))
				b.run(by, c.frame(from, frame.Segment{Flags: frame.RST, Seq: seq + 10}))
				if b.flow(key) == nil {
					ended++
				}
			}
			if ended > 0 {
				t.Errorf("%s: %d of %d guesses ended the flow, by side %d as end %d", by, ended, guesses, side, from)
			}
		}
	}
}
