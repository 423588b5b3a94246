package judge

import (
	"slices"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// witness records the numbers in the packets of one tuple, to distinguish a
// deliberate difference from a mistake. It has no state machine: a third
// opinion would only be a third thing that can be wrong.
type witness struct {
	side [2]witnessSide
	// syns are this flow's SYNs without ACK so far.
	syns []*script.Step
	// midstream means that the flow did not begin with a SYN.
	midstream bool
	// strays are the segments outside the window, of both sides.
	strays [2][]*script.Step
	// trail has the names of the differences so far.
	trail map[string]bool
}

// witnessSide has the numbers of one end: its SYN, the end of its data, its
// highest acknowledgement, the first number beyond its window, its largest
// window, and the end of its FIN.
type witnessSide struct {
	heard, acked, synSent, finSent bool

	isn, synEnd, end, ack, limit, maxWindow, finEnd uint32

	// sacked means that it has acknowledged selectively.
	sacked bool
	// repeats means that its first segment was an old one.
	repeats bool
	scale   uint8
	offered bool
}

func newWitness() *witness { return &witness{trail: map[string]bool{}} }

// note records the numbers of m's step, unless ctop called it invalid or its
// numbers do not count.
func (w *witness) note(m *moment) {
	s := m.step
	if s.Kind == script.TCP && m.ctop.Verdict == Invalid && m.ctop.Why == "window" {
		w.strays[s.Dir()] = append(slices.Clip(w.strays[s.Dir()]), s)
	}
	if s.Kind != script.TCP || m.ctop.Verdict == Invalid || !w.binds(m) {
		return
	}
	if s.Has(frame.RST) {
		w.noteReset()
		return
	}
	w.resynchronise(m)
	me, other := &w.side[s.Dir()], &w.side[1-s.Dir()]
	me.sacked = me.sacked || s.Sack[0] != s.Sack[1]
	if me.heard && other.heard && m.before.ctop >= Open && me.isOld(s, other) {
		return
	}
	if !me.heard {
		w.noteFirst(s, me, other)
	}
	if s.Has(frame.SYN) {
		opening := m.before.ctop <= SynRecv || m.ctop.Why == "reused"
		w.noteSyn(s, me, other, opening, m.before.ctop == SynSent)
		if !opening || !s.Has(frame.ACK) && me.isn != s.Seq {
			return
		}
	}
	if me.heard && other.heard && !s.Has(frame.SYN) && after(s.Seq, w.limit(1-s.Dir())) {
		if after(s.End(), me.end) {
			me.end = s.End()
		}
		w.trail["beyond the window"] = true
		return
	}
	if s.Has(frame.FIN) && me.heard && s.End() == me.end && !me.finSent {
		w.trail["FIN over data"] = true
	}
	me.noteEnd(s, m.before.ctop == FinWait1 || m.before.ctop == FinWait2)
	me.heard = true
	me.noteAck(s, me.offered && other.offered || w.midstream)
}

// noteFirst records an end's first segment. Midstream it may acknowledge data
// that was not seen, or repeat acknowledged data.
func (w *witness) noteFirst(s *script.Step, me, other *witnessSide) {
	if !other.heard {
		w.midstream = w.midstream || s.Flags&frame.SYN == 0
	}
	if s.Has(frame.SYN) {
		return
	}
	me.scale = 14
	if !other.heard {
		return
	}
	if after(s.Ack, other.end) {
		other.end = s.Ack
	}
	if after(other.ack-1<<30, s.Seq) || before(other.ack+1<<30, s.Seq) {
		other.ack = s.Seq
	}
	if after(other.ack, s.End()) {
		me.end, me.repeats = other.ack, true
	}
}

// binds reports whether the numbers of m's step count. They do not before there
// is something to acknowledge.
func (w *witness) binds(m *moment) bool {
	switch {
	case m.step.Has(frame.SYN) || !m.stays():
		return true
	case m.before.ctop <= SynRecv && m.before.ctop >= SynSent:
		me, other := &w.side[m.step.Dir()], &w.side[1-m.step.Dir()]
		if me.synSent && before(m.step.End(), me.isn+1) {
			return false
		}
		return other.synSent && after(m.step.Ack, other.isn) && !after(m.step.Ack, other.end)
	}
	return true
}

// noteReset records a RST that ended nothing: the kernel uses its numbers.
func (w *witness) noteReset() {
	w.trail["inexact RST"] = true
}

// isOld reports whether the segment is too old for anything in it to count (RFC
// 9293 3.10.7.4, first check; RFC 5961 section 5.2).
func (me *witnessSide) isOld(s *script.Step, other *witnessSide) bool {
	if s.Has(frame.SYN) {
		return false
	}
	return before(s.End(), other.ack-other.maxWindow-1) ||
		s.Has(frame.ACK) && before(s.Ack, other.end-max(ackLag, me.maxWindow))
}

// isFarOld reports whether the segment is older than anything that this
// connection can still send: older than isOld requires by a few windows.
func (me *witnessSide) isFarOld(s *script.Step, other *witnessSide) bool {
	const windows = 4
	return before(s.End(), other.ack-windows*max(ackLag, other.maxWindow)) ||
		s.Has(frame.ACK) && before(s.Ack, other.end-windows*max(ackLag, me.maxWindow))
}

// resynchronise adopts the numbers on which both sides agree.
func (w *witness) resynchronise(m *moment) {
	s := m.step
	if m.before.ctop < Open || !w.agrees(s) {
		return
	}
	me, other := &w.side[s.Dir()], &w.side[1-s.Dir()]
	for _, o := range w.strays[1-s.Dir()] {
		other.end, other.ack, other.limit = o.End(), o.Ack, o.Ack+uint32(o.Window)<<other.scale
	}
	me.end = s.Seq
	if after(other.ack, me.end) {
		me.end = other.ack
	}
	me.acked = false
	w.strays = [2][]*script.Step{}
	w.trail["resynchronised"] = true
}

// agrees reports whether the segment and one that the other side sent outside
// the window acknowledge each other, and one of them acknowledges data that, by
// the numbers of the flow, was never sent or is very old.
func (w *witness) agrees(s *script.Step) bool {
	if !w.outside(s) {
		return false
	}
	lag := w.lag()
	me, other := &w.side[s.Dir()], &w.side[1-s.Dir()]
	far := func(ack uint32, end uint32) bool { return after(ack, end) || before(ack, end-4*lag) }
	return slices.ContainsFunc(w.strays[1-s.Dir()], func(o *script.Step) bool {
		return !after(s.Ack, o.End()) && !before(s.Ack, o.Seq-lag) && !before(s.Seq, o.Ack-lag) &&
			!after(s.Seq, o.Ack+max(lag, uint32(o.Window)<<me.scale, uint32(o.Window)<<other.scale)) && (far(s.Ack, other.end) || far(o.Ack, me.end))
	})
}

// outside reports whether the segment is neither near the window nor a little
// below.
func (w *witness) outside(s *script.Step) bool {
	me, other := &w.side[s.Dir()], &w.side[1-s.Dir()]
	return me.heard && other.heard && !s.Has(frame.SYN) && (!w.near(s) || me.isFarOld(s, other))
}

func (w *witness) lag() uint32 { return max(ackLag, w.side[0].maxWindow, w.side[1].maxWindow) }

// ackLag is the maximum age of an ACK, whatever the windows.
const ackLag = 66000

// noteEnd records the end of the sent data. A FIN is the last of the sent data,
// or does not count.
func (me *witnessSide) noteEnd(s *script.Step, undoes bool) {
	if undoes && me.finSent && after(s.End(), me.finEnd) {
		me.finSent = false
	}
	if s.Has(frame.FIN) && !me.finSent && (!me.heard && !me.repeats || !before(s.End(), me.end)) {
		me.finSent, me.finEnd = true, s.End()
	}
	if !me.heard && !me.repeats || after(s.End(), me.end) {
		me.end = s.End()
	}
}

func (me *witnessSide) noteAck(s *script.Step, scaled bool) {
	window := uint32(s.Window)
	if !s.Has(frame.SYN) && scaled {
		window <<= me.scale
	}
	me.maxWindow = max(me.maxWindow, window)
	if !s.Has(frame.ACK) {
		return
	}
	if !me.acked || after(s.Ack, me.ack) {
		me.ack = s.Ack
	}
	if limit := s.Ack + max(window, 1); !me.acked || after(limit, me.limit) {
		me.limit = limit
	}
	me.acked = true
}

// noteSyn records a SYN. While the flow is opening, the last one counts.
func (w *witness) noteSyn(s *script.Step, me, other *witnessSide, opening, replaces bool) {
	if !s.Has(frame.ACK) {
		w.syns = append(w.syns, s)
	}
	if opening && me.synSent && s.Seq != me.isn {
		w.trail["another SYN"] = true
	}
	if !opening || me.synSent && (!s.Has(frame.ACK) && !replaces || s.Seq == me.isn) {
		return
	}
	if me.synSent {
		w.trail["restarted direction"] = true
	}
	w.syns = slices.DeleteFunc(slices.Clone(w.syns), func(o *script.Step) bool { return s.Has(frame.ACK) && o.Reply == s.Reply })
	me.synSent, me.isn, me.synEnd, me.end = true, s.Seq, s.End(), s.End()
	me.offered, me.maxWindow = s.Scale != script.NoScale, uint32(s.Window)
	me.scale = uint8(min(max(s.Scale, 0), 14))
	if !me.offered {
		other.offered = false
	}
	if other.heard {
		other.limit = s.Seq + 1 + other.maxWindow
	}
	if other.synSent && !s.Has(frame.ACK) {
		me.limit = other.isn + 1 + max(me.maxWindow, uint32(s.Window))
	}
}

// synAcked reports whether the end's SYN was sent and is acknowledged by
// number.
func (w *witness) synAcked(d int) bool {
	me, other := &w.side[d], &w.side[1-d]
	return me.synSent && other.acked && after(other.ack, me.isn) && !after(other.ack, me.end)
}

// finAcked reports whether the end's FIN is acknowledged by number.
func (w *witness) finAcked(d int) bool {
	me, other := &w.side[d], &w.side[1-d]
	return me.finSent && other.acked && !before(other.ack, me.finEnd)
}

// answersSyn reports whether the segment acknowledges a SYN of the other end,
// or data in it.
func (w *witness) answersSyn(s *script.Step) bool {
	other := &w.side[1-s.Dir()]
	if other.synSent && after(s.Ack, other.isn) && !after(s.Ack, other.synEnd) {
		return true
	}
	for _, syn := range w.syns {
		if syn.Reply != s.Reply && s.Ack-syn.Seq-1 <= uint32(syn.Len) {
			return true
		}
	}
	return false
}

// answersEnd reports whether the segment acknowledges the last SYN, or data in
// it, or an earlier one with all of its data.
func (w *witness) answersEnd(s *script.Step) bool {
	other := &w.side[1-s.Dir()]
	if other.synSent && after(s.Ack, other.isn) && !after(s.Ack, other.synEnd) {
		return true
	}
	return slices.ContainsFunc(w.syns, func(syn *script.Step) bool { return syn.Reply != s.Reply && s.Ack == syn.End() })
}

// manySyns reports whether there were more SYNs than the two that ctop
// remembers.
func (w *witness) manySyns() bool {
	return len(w.syns) > 2 || len(w.syns) == 2 && w.trail["restart"]
}

// limit returns the first number beyond the window that the end gives the
// other. Until its first acknowledgement, the window in its SYN counts.
func (w *witness) limit(d int) uint32 {
	me, other := &w.side[d], &w.side[1-d]
	if !me.acked && other.synSent {
		return other.isn + 1 + me.maxWindow
	}
	return me.limit
}

// answersPending is answersSyn limited to what ctop remembers, which excludes
// the amount of data in a SYN.
func (w *witness) answersPending(s *script.Step) *script.Step {
	for _, syn := range w.syns {
		if syn.Reply != s.Reply && s.Ack-syn.Seq-1 <= synData {
			return syn
		}
	}
	return nil
}

// near is inside, or beyond the permitted numbers by less than a window.
func (w *witness) near(s *script.Step) bool {
	other := &w.side[1-s.Dir()]
	return w.inside(s) || !after(s.Ack, other.end) && s.End()-w.limit(1-s.Dir()) < other.maxWindow
}

// synData is the amount of data in a SYN that its answer may acknowledge (RFC
// 7413).
const synData = 1460

// inside reports whether the step begins within the other end's window and
// acknowledges only sent data.
func (w *witness) inside(s *script.Step) bool {
	other := &w.side[1-s.Dir()]
	return !after(s.Seq, w.limit(1-s.Dir())) && (!s.Has(frame.ACK) || !after(s.Ack, other.end))
}

// restarted returns the witness of a flow that begins with the answer to a SYN
// in the old flow.
func (w *witness) restarted(answer *script.Step) *witness {
	n := newWitness()
	n.midstream = w.midstream
	if answer.Has(frame.ACK) {
		n.side[1-answer.Dir()] = witnessSide{
			heard: true, synSent: true, isn: answer.Ack - 1, synEnd: answer.Ack, end: answer.Ack, limit: answer.Seq + 1<<16, maxWindow: 1 << 16,
		}
	}
	n.trail["restart"] = true
	if syn := w.answersPending(answer); syn != nil {
		n.side[1-answer.Dir()].offered = syn.Scale != script.NoScale
		n.side[1-answer.Dir()].scale = uint8(max(syn.Scale, 0))
	} else {
		n.trail["restarted direction"] = true // with which scale is anybody's guess
	}
	return n
}
