package judge

import (
	"strings"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// lateDifferences concern packets after the end of a flow.
var lateDifferences = []difference{
	{
		name: "fragments after the end",
		is: func(m *moment) bool {
			return m.ctop.State == Gone && m.ctop.Verdict == Untracked && strings.HasPrefix(m.ctop.Why, "fragment_") && m.kernel.Verdict == Established
		},
		after:  stand,
		reason: "the first fragment is late or has ended the flow; the others are forwarded untracked, since no flow is left to count them",
		source: "RFC 8200 4.5: only the first fragment has the ports",
	},
	{
		name: "late, and not of the flow that ended",
		is: func(m *moment) bool {
			return m.late() && m.onlyKernelPasses("no_flow") && (!m.over.expects(m.step) || m.over.vague())
		},
		after:  stand,
		reason: "it lies beyond what was sent and permitted, or far below; the kernel then believes any RST and SYN+ACK, and does not check the numbers of a midstream flow",
		source: "RFC 9293 3.10.7.4, first and fifth check",
	},
	{
		name: "late, and of the flow that ended",
		is: func(m *moment) bool {
			return m.late() && m.onlyCtopPasses() && (m.over.expects(m.step) || m.over.vague())
		},
		after:  stand,
		reason: "it lies within what was sent and permitted, so it is a copy or was overtaken; the kernel refuses flags that do not fit the state",
		source: "RFC 9293 3.6.1",
	},
	{
		name: "SYN after the end",
		is: func(m *moment) bool {
			return m.over != nil && m.is(frame.SYN) && m.ctop.Verdict == New && m.ctop.State == SynSent
		},
		after:  renew,
		reason: "any SYN replaces a closed or reset flow; the kernel keeps the old flow, and only some SYNs replace it",
		source: "RFC 9293 3.10.7.1 and 3.10.7.4, TIME-WAIT; decision 5e: a SYN on a closed flow opens it again",
	},
	{
		name: "picked up after the end of another",
		is: func(m *moment) bool {
			return m.over != nil && m.is(frame.ACK) && m.ctop.Verdict == New && m.ctop.State == Unanswered && (!m.over.expects(m.step) || m.over.vague())
		},
		after:  part,
		reason: "the numbers do not belong to the flow that ended, so this is another flow, picked up midstream",
		source: "decision 5b: a running flow is picked up midstream",
	},
}

// expects reports whether the step may be a late one of the flow: it begins at
// most a window beyond the permitted numbers, acknowledges only sent data, and
// is not older than anything that the flow can have sent.
func (w *witness) expects(s *script.Step) bool {
	sender, receiver := &w.side[s.Dir()], &w.side[1-s.Dir()]
	limit := w.limit(1-s.Dir()) + receiver.maxWindow
	oldest := 4 * w.lag()
	if after(s.Seq, limit) || before(s.End(), sender.end-oldest) {
		return false
	}
	return !s.Has(frame.ACK) || !after(s.Ack, receiver.end) && !before(s.Ack, receiver.end-oldest)
}

// vague reports whether the numbers at the end are uncertain.
func (w *witness) vague() bool {
	return w.midstream || w.trail["restarted direction"] || w.trail["restart"]
}
