package bpf

import (
	"math/rand/v2"
	"testing"

	"ctop/internal/frame"
)

// parted is a connection between whose packets two trackers tell each other of it. Those of
// an end come by the tracker that ways has for it.
type parted struct {
	connection
	a, b *harness
	ways [2]*harness
	// ended counts how often either has told that it ended. It is not entered again then.
	ended [2]int
}

func part(a, b *harness, by hook) *parted {
	return &parted{connection: connection{a, by}, a: a, b: b, ways: [2]*harness{a, b}}
}

// pass lets a segment come by its way. It has to pass.
func (p *parted) pass(from int, s frame.Segment) {
	p.t.Helper()
	h := p.ways[from]
	h.come(from)
	if !h.run(p.by, p.frame(from, s)) {
		p.t.Fatalf("%s: %+v of end %d was dropped: %+v", p.by, s, from, h.flow(p.key()))
	}
}

// tell lets either tracker tell what happened to its own flows.
func (p *parted) tell() {
	p.t.Helper()
	both := [2]*harness{p.a, p.b}
	var ends [2][]ConntrackEvent
	for i, h := range both {
		for _, e := range h.drain() {
			if ConntrackEventType(e.Type) != ConntrackEventTypeEVENT_DESTROY || ConntrackReason(e.Reason) == ConntrackReasonREASON_REUSED {
				continue
			}
			if p.ended[i]++; e.Flags&ConntrackFlowFlagFLOW_INHERITED == 0 {
				ends[i] = append(ends[i], e)
			}
		}
	}
	for i, h := range both {
		for _, e := range ends[i] {
			both[1-i].end(e.Key, e.Id)
		}
		if f := h.flow(p.key()); f != nil && !inherited(f) && p.ended[1-i] == 0 {
			both[1-i].enter(h.told(p.key()))
		}
	}
}

func (p *parted) wait(seconds uint64) {
	p.a.wait(seconds)
	p.b.wait(seconds)
}

// opening is a handshake and data of both ends, in turn from the first segment on.
var opening = []frame.Segment{
	{Flags: frame.SYN, Seq: 1000},
	{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001},
	{Flags: frame.ACK, Seq: 1001, Ack: 5001},
	{Flags: frame.ACK, Seq: 5001, Ack: 1001, Payload: 10},
	{Flags: frame.ACK, Seq: 1001, Ack: 5011, Payload: 10},
}

// open opens the connection and lets its ends talk: by either of the ways from the
// beginning, or by the first tracker alone before.
func (p *parted) open(whole bool) {
	p.t.Helper()
	if whole {
		p.ways[1] = p.a
	}
	for i, s := range opening {
		p.pass(i&1, s)
		p.tell()
	}
	p.ways[1] = p.b
	for range 2 {
		p.wait(4)
		p.pass(1, frame.Segment{Flags: frame.ACK, Seq: 5011, Ack: 1011})
		p.pass(0, frame.Segment{Flags: frame.ACK, Seq: 1011, Ack: 5011})
		p.tell()
	}
}

// closing is how a connection closes after open: who sends what.
type closing struct {
	name     string
	froms    []int
	segments []frame.Segment
}

var closings = []closing{
	{"four packets", []int{0, 1, 1, 0}, []frame.Segment{
		{Flags: frame.FIN | frame.ACK, Seq: 1011, Ack: 5011},
		{Flags: frame.ACK, Seq: 5011, Ack: 1012},
		{Flags: frame.FIN | frame.ACK, Seq: 5011, Ack: 1012},
		{Flags: frame.ACK, Seq: 1012, Ack: 5012},
	}},
	{"four packets, by the other end", []int{1, 0, 0, 1}, []frame.Segment{
		{Flags: frame.FIN | frame.ACK, Seq: 5011, Ack: 1011},
		{Flags: frame.ACK, Seq: 1011, Ack: 5012},
		{Flags: frame.FIN | frame.ACK, Seq: 1011, Ack: 5012},
		{Flags: frame.ACK, Seq: 5012, Ack: 1012},
	}},
	{"three packets", []int{0, 1, 0}, []frame.Segment{
		{Flags: frame.FIN | frame.ACK, Seq: 1011, Ack: 5011},
		{Flags: frame.FIN | frame.ACK, Seq: 5011, Ack: 1012},
		{Flags: frame.ACK, Seq: 1012, Ack: 5012},
	}},
	{"three packets, by the other end", []int{1, 0, 1}, []frame.Segment{
		{Flags: frame.FIN | frame.ACK, Seq: 5011, Ack: 1011},
		{Flags: frame.FIN | frame.ACK, Seq: 1011, Ack: 5012},
		{Flags: frame.ACK, Seq: 5012, Ack: 1012},
	}},
	{"both at once", []int{0, 1, 0, 1}, []frame.Segment{
		{Flags: frame.FIN | frame.ACK, Seq: 1011, Ack: 5011},
		{Flags: frame.FIN | frame.ACK, Seq: 5011, Ack: 1011},
		{Flags: frame.ACK, Seq: 1012, Ack: 5012},
		{Flags: frame.ACK, Seq: 5012, Ack: 1012},
	}},
}

// late sends all of a close again, and data before it: nothing is dropped, and nothing begins.
func (p *parted) late(c *closing) {
	p.t.Helper()
	was := [2]int{p.a.count(), p.b.count()}
	for i, s := range c.segments {
		p.pass(c.froms[i], s)
	}
	p.pass(0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5011, Payload: 10})
	p.pass(1, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1001, Payload: 10})
	if now := [2]int{p.a.count(), p.b.count()}; now != was {
		p.t.Errorf("%s, %s: late segments make of %d flows %d: %+v, %+v", p.by, c.name, was, now, p.a.flow(p.key()), p.b.flow(p.key()))
	}
}

// stateOf returns the name of the state of the connection at a tracker.
func (p *parted) stateOf(h *harness) string {
	if f := h.flow(p.key()); f != nil {
		return stateNames[state(f)]
	}
	return "-"
}

// A connection whose directions go by different trackers closes as one that a tracker hears
// whole, on both, whatever they have told each other by then: it has the timeout of
// TIME_WAIT, or is remembered for as long, and ends once.
func TestPartedClose(t *testing.T) {
	a, b := newPair(t)
	random := rand.New(rand.NewPCG(20, 2))
	for _, by := range hooks {
		for i := range closings {
			c := &closings[i]
			a.paired()
			alone := part(a, a, by)
			alone.open(true)
			alone.ways[1] = a
			for i, s := range c.segments {
				alone.pass(c.froms[i], s)
			}
			want := alone.stateOf(a)
			for n := range 40 {
				whole := n&1 == 1
				restart(a, b)
				before := [2]ConntrackCpuStats{a.counters(), b.counters()}
				p := part(a, b, by)
				p.open(whole)
				for i, s := range c.segments {
					p.pass(c.froms[i], s)
					// Each packet is told, or some.
					if n < 2 || random.IntN(2) == 0 {
						p.tell()
					}
				}
				for range 3 {
					p.tell()
				}
				got := [2]string{p.stateOf(a), p.stateOf(b)}
				for i, state := range got {
					if state != "-" && state != "TIME_WAIT" || n == 0 && state != want {
						t.Errorf("%s, %s, round %d: at tracker %d it is in %s, and %s where it is heard whole: %+v", by, c.name, n, i, state, want, [2]*harness{a, b}[i].flow(p.key()))
					}
				}
				p.late(c)
				p.wait(timeouts[ConntrackTimeoutTIMEOUT_TCP_TIME_WAIT])
				for i, h := range []*harness{a, b} {
					h.sweep(ConntrackSweepArgs{SpareInherited: 1})
					p.tell()
					if h.expectFlows(0); p.ended[i] != 1 {
						t.Errorf("%s, %s, round %d: tracker %d tells %d times that it ended", by, c.name, n, i, p.ended[i])
					}
					h.sumsHold(before[i])
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}
