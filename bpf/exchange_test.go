package bpf

import (
	"fmt"
	"math/rand/v2"

	"ctop/internal/frame"
)

// talker is one end of a connection, as far as its numbers go.
type talker struct {
	// isn is its SYN's number, next that of the next octet that it sends, acked what the other
	// end has of these, and limit how far that permits.
	isn, next, acked, limit uint32
	// heard is what it has of the other end, edge how far it permits that, and window how far
	// beyond heard it means to.
	heard, edge, window uint32
	scale               uint8
	// opens says that it sends a SYN that nobody asked for.
	opens bool
	// answers says that it has heard a SYN, open that its own one was acknowledged, and
	// finished that it has sent a FIN.
	answers, open, finished bool
}

// exchange is a connection whose ends send what TCP may send. Segments get lost, come twice, and
// overtake others. Each comes by one of two trackers.
type exchange struct {
	*parted
	random *rand.Rand
	ends   [2]talker
	onWay  [2][]frame.Segment
	// moves chooses the ways of the two directions before each step.
	moves func(x *exchange)
	// lags says that segments overtake others, and come twice.
	lags bool
	// refused says of the first segment that was dropped what it was.
	refused string
}

func newExchange(p *parted, seed uint64) *exchange {
	x := &exchange{parted: p, random: rand.New(rand.NewPCG(seed, 99))}
	x.moves = ways[x.random.IntN(len(ways))]
	x.lags = x.random.IntN(2) == 0
	p.ways = [2]*harness{p.a, x.either()}
	for i := range x.ends {
		isn := []uint32{1000, 1<<31 - x.random.Uint32N(3000), -x.random.Uint32N(3000), x.random.Uint32()}[x.random.IntN(4)]
		x.ends[i] = talker{isn: isn, next: isn, acked: isn, window: 20000, scale: uint8(x.random.IntN(8))}
	}
	x.ends[0].opens = true
	x.ends[1].opens = x.random.IntN(10) == 0
	return x
}

func (x *exchange) either() *harness { return [2]*harness{x.a, x.b}[x.random.IntN(2)] }

// ways are how a connection changes between trackers: as a whole, packet by packet, one
// direction at times, and both directions at once.
var ways = []func(x *exchange){
	func(x *exchange) {
		if x.random.IntN(10) == 0 {
			h := x.either()
			x.ways = [2]*harness{h, h}
		}
	},
	func(x *exchange) { x.ways = [2]*harness{x.either(), x.either()} },
	func(x *exchange) {
		if x.random.IntN(12) == 0 {
			x.ways = [2]*harness{x.either(), x.either()}
		}
	},
	func(x *exchange) {
		if x.random.IntN(12) == 0 {
			x.ways[0], x.ways[1] = x.ways[1], x.ways[0]
		}
	},
}

// seqAfter reports whether a number is after another one.
func seqAfter(a, b uint32) bool { return int32(a-b) > 0 }

// send puts a segment of an end on its way.
func (x *exchange) send(from int, flags uint8, seq uint32, payload int) {
	e := &x.ends[from]
	s := frame.Segment{Flags: flags, Seq: seq, Payload: payload, Window: 20000}
	if flags&frame.ACK != 0 {
		s.Ack = e.heard
	}
	if flags&frame.SYN != 0 {
		s.Options = []byte{3, 3, e.scale}
	} else {
		for _, edge := range []uint32{e.heard, e.heard + e.window} {
			if seqAfter(edge, e.edge) {
				e.edge = edge
			}
		}
		s.Window = uint16(min((e.edge-e.heard+1<<e.scale-1)>>e.scale, 0xffff))
	}
	x.onWay[from] = append(x.onWay[from], s)
}

// again sends what the other end does not have yet.
func (x *exchange) again(from int) {
	e := &x.ends[from]
	switch out := e.next - e.acked; {
	case out == 0:
	case out > 1400 || !e.finished:
		x.send(from, frame.ACK, e.acked, int(min(out, 1400)))
	default:
		x.send(from, frame.ACK|frame.FIN, e.acked, int(out-1))
	}
}

// act lets an end do something that TCP does by itself.
func (x *exchange) act(from int) {
	e := &x.ends[from]
	if !e.open {
		switch {
		case e.answers:
			x.send(from, frame.SYN|frame.ACK, e.isn, 0)
		case e.opens:
			e.next = e.isn + 1
			x.send(from, frame.SYN, e.isn, 0)
		}
		return
	}
	room := uint32(max(0, int32(e.limit-e.next)))
	switch n := x.random.IntN(20); {
	case n < 8 && !e.finished && room > 0:
		size := x.random.Uint32N(min(room, 1400))
		x.send(from, frame.ACK, e.next, int(size))
		e.next += size
	case n < 10:
		x.send(from, frame.ACK, e.next, 0)
	case n < 14:
		x.again(from)
	case n == 14:
		x.send(from, frame.ACK, e.acked-1, 0)
	case n == 15:
		e.window = []uint32{0, 100, 20000, 60000}[x.random.IntN(4)]
		x.send(from, frame.ACK, e.next, 0)
	case n == 16 && !e.finished && room > 0 && x.random.IntN(3) == 0:
		x.send(from, frame.ACK|frame.FIN, e.next, 0)
		e.finished = true
		e.next++
	}
}

// deliver lets a segment on its way come by a tracker, and to the other end.
func (x *exchange) deliver(from int) {
	way, i := x.onWay[from], 0
	if len(way) == 0 {
		return
	}
	if x.lags && len(way) > 1 && x.random.IntN(6) == 0 {
		i = 1
	}
	s := way[i]
	x.onWay[from] = append(append([]frame.Segment{}, way[:i]...), way[i+1:]...)
	if x.random.IntN(12) == 0 {
		return
	}
	h := x.ways[from]
	h.come(from)
	if !h.run(x.by, x.bytes(from, s)) {
		// A SYN of an open connection is answered by a challenge.
		if s.Flags&frame.SYN == 0 || !x.ends[from].open {
			x.refused = fmt.Sprintf("%+v of end %d, in %+v", s, from, h.flow(x.key()))
		}
		return
	}
	if x.random.IntN(15) == 0 {
		return
	}
	if x.lags && x.random.IntN(25) == 0 {
		x.onWay[from] = append(x.onWay[from], s)
	}
	x.hear(1-from, s)
}

// hear lets an end take a segment.
func (x *exchange) hear(to int, s frame.Segment) {
	e := &x.ends[to]
	if s.Flags&frame.SYN != 0 {
		x.hearSYN(e, s)
		if e.open {
			x.send(to, frame.ACK, e.next, 0)
		} else {
			x.send(to, frame.SYN|frame.ACK, e.isn, 0)
		}
		return
	}
	if !e.answers {
		return
	}
	if seqAfter(s.Ack, e.next) {
		x.send(to, frame.ACK, e.next, 0)
		return
	}
	if seqAfter(s.Ack, e.acked) {
		e.acked, e.open = s.Ack, true
	}
	if edge := s.Ack + uint32(s.Window)<<x.ends[1-to].scale; s.Ack == e.acked && seqAfter(edge, e.limit) {
		e.limit = edge
	}
	length := uint32(s.Payload)
	if s.Flags&frame.FIN != 0 {
		length++
	}
	switch end := s.Seq + length; {
	case !seqAfter(s.Seq, e.heard) && seqAfter(end, e.heard):
		e.heard = end
		if x.random.IntN(3) > 0 {
			x.send(to, frame.ACK, e.next, 0)
		}
	case length > 0 || s.Seq != e.heard:
		x.send(to, frame.ACK, e.next, 0)
	}
}

// hearSYN takes a SYN, or an answer to the own one.
func (x *exchange) hearSYN(e *talker, s frame.Segment) {
	if !e.answers {
		e.answers, e.next = true, e.isn+1
		e.heard = s.Seq + 1
		e.edge = e.heard + 20000
	}
	if s.Flags&frame.ACK != 0 && s.Ack == e.isn+1 && !e.open {
		e.acked, e.open = s.Ack, true
	}
	if !seqAfter(e.acked, e.isn+1) {
		e.limit = e.isn + 1 + uint32(s.Window)
	}
}

// step moves the connection on.
func (x *exchange) step() {
	x.moves(x)
	from := x.random.IntN(2)
	if x.random.IntN(2) == 0 || len(x.onWay[from]) == 0 {
		x.act(from)
	}
	if x.random.IntN(3) > 0 {
		x.deliver(x.random.IntN(2))
	}
}
