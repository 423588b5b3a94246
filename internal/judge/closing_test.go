package judge

import (
	"slices"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// closingDifferences concern FINs.
var closingDifferences = []difference{
	{
		name: "closed at once",
		is: func(m *moment) bool {
			w := m.afterwards()
			return m.passed() && m.ctop.Why == "closed" && m.ctop.State == Gone &&
				(m.kernel.State == TimeWait || m.kernel.State == LastAck) && (w.finAcked(0) && w.finAcked(1) || m.vagueFin() || m.w.trail["restarted direction"])
		},
		after:  stand,
		reason: "both FINs are acknowledged, so nothing is left to track; the kernel keeps a TIME_WAIT",
		source: "decision 5e: a LAST_ACK flow ends when both FINs are acknowledged",
	},
	{
		name:   "FIN acknowledged by number",
		is:     isFinByNumber,
		reason: "only an ACK that covers a FIN acknowledges it, and a retransmitted FIN is not the other side's; the kernel looks at flags only",
		source: "decision 5e; RFC 9293 3.10.7.4, fifth and eighth check",
	},
	{
		name: "FIN that is not the last",
		is: func(m *moment) bool {
			return m.passed() && m.is(frame.FIN|frame.ACK) && (m.stays() || m.ctop.State == Open) && !after(m.step.End(), m.me().end) &&
				slices.Contains(closing, m.kernel.State)
		},
		reason: "its side has sent beyond it, so it is stale or forged",
		source: "RFC 9293 3.10.7.4, eighth check: a FIN is processed in order",
	},
	{
		name: "FIN with an ACK too old",
		is: func(m *moment) bool {
			return m.passed() && m.is(frame.FIN|frame.ACK) && m.stays() && before(m.step.Ack, m.other().end-ackLag) &&
				(m.w.midstream || m.me().sacked) && slices.Contains(closing, m.kernel.State)
		},
		reason: "an endpoint discards such a segment; the kernel does not check the numbers of a midstream flow, and a SACK widens its window",
		source: "RFC 5961 section 5.2",
	},
	{
		name: "challenge to a SYN while closing",
		is: func(m *moment) bool {
			return m.is(frame.ACK) && m.onlyKernelPasses("window") && m.before.kernel == LastAck && m.stays() &&
				len(m.w.syns) > 1
		},
		reason: "a challenge ACK carries the numbers of the old connection; the kernel lets any ACK pass after a SYN",
		source: "RFC 5961 section 4.2",
	},
	{
		name: "from below the window",
		is: func(m *moment) bool {
			return m.passed() && m.step.Has(frame.ACK) && m.step.Flags&(frame.SYN|frame.RST|frame.FIN) == 0 && m.stays() && m.before.ctop >= Open &&
				before(m.step.End(), m.me().end) && slices.Contains(closing, m.kernel.State)
		},
		reason: "a segment below the window acknowledges nothing; the kernel's window may be larger",
		source: "RFC 9293 3.10.7.4, first check",
	},
	{
		name: "FIN beyond the window",
		is: func(m *moment) bool {
			return m.passed() && m.is(frame.FIN|frame.ACK) && m.stays() && after(m.step.Seq, m.w.limit(1-m.step.Dir())) &&
				slices.Contains(closing, m.kernel.State)
		},
		reason: "it passes, as data there does, and counts once it is retransmitted inside the window",
		source: "RFC 9293 3.10.7.4, first check",
	},
	{
		name: "FIN undone by data beyond it",
		is: func(m *moment) bool {
			return m.passed() && (m.before.ctop == FinWait1 || m.before.ctop == FinWait2) && m.ctop.State == Open &&
				(m.me().finSent && after(m.step.End(), m.me().finEnd) || m.vagueFin())
		},
		reason: "a side that sends beyond a FIN did not send that FIN: it was forged",
		source: "RFC 9293 3.6: no data follows a FIN",
	},
}

// closing is the order of the kernel's closing states.
var closing = []State{FinWait1, KernelCloseWait, LastAck, TimeWait}

// vagueFin reports whether the numbers of the FINs are uncertain: those of a
// midstream flow, or of a FIN with the number of a byte that was sent before.
func (m *moment) vagueFin() bool { return m.w.midstream || m.w.trail["FIN over data"] }

// isFinByNumber holds if the kernel's state is ahead of the numbers and ctop's
// matches them.
func isFinByNumber(m *moment) bool {
	if !m.passed() || m.step.Kind != script.TCP || m.step.Flags&(frame.SYN|frame.RST) != 0 {
		return false
	}
	w := m.afterwards()
	fins, acked := 0, 0
	for d := range w.side {
		if w.side[d].finSent {
			fins++
		}
		if w.finAcked(d) {
			acked++
		}
	}
	at := slices.Index(closing, m.kernel.State)
	switch m.ctop.State {
	case Open:
		return at >= 0 && m.vagueFin()
	case FinWait1:
		return at > 0 && fins == 1 && acked == 0 || m.vagueFin()
	case FinWait2:
		return at > 1 && (fins == 1 && acked == 1 || m.vagueFin())
	case LastAck:
		return at > 2 && fins == 2 && acked < 2 || m.vagueFin()
	}
	return false
}
