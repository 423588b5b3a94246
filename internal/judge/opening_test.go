package judge

import (
	"slices"

	"ctop/internal/frame"
)

// openingDifferences concern SYNs and handshakes.
var openingDifferences = []difference{
	{
		name: "ACK in a simultaneous open",
		is: func(m *moment) bool {
			return m.step.Has(frame.ACK) && m.step.Flags&(frame.SYN|frame.RST) == 0 && m.stays() && m.onlyCtopPasses() &&
				m.before.kernel == KernelSynSent2 && m.w.inside(m.step)
		},
		reason: "its numbers are right; the kernel expects a SYN+ACK first",
		source: "RFC 9293 3.5, figure 7; 3.10.7.4, fifth check, SYN-RECEIVED",
	},
	{
		name: "numbers in a simultaneous open",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.before.kernel == KernelSynSent2 && m.stays() && !m.w.inside(m.step)
		},
		reason: "ctop checks them; the kernel lets any ACK of the responder pass",
		source: "RFC 9293 3.10.7.4, first and fifth check",
	},
	{
		name: "answer to what covered no SYN",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.before.ctop == SynRecv && m.stays() && !m.w.inside(m.step)
		},
		after:  part,
		reason: "ctop ignored the segment whose ACK covers no SYN, so nothing in it can be acknowledged",
		source: "RFC 9293 3.10.7.4, fifth check, SYN-RECEIVED",
	},
	{
		name: "data before the handshake is done",
		is: func(m *moment) bool {
			return m.step.Has(frame.ACK) && m.step.Flags&(frame.SYN|frame.RST) == 0 && m.onlyCtopPasses() && m.before.ctop == SynRecv && m.stays() && m.w.inside(m.step)
		},
		reason: "before the opener's ACK, the responder may send as much as the window in the SYN allows; the kernel lets less pass",
		source: "RFC 7413 section 4.2; RFC 9293 3.10.7.4",
	},
	{
		name: "retransmitted SYN and SYN+ACK",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.passed() && m.stays() && m.ctop.State >= Open && m.kernel.State == SynRecv &&
				m.step.Seq == m.me().isn
		},
		reason: "their numbers show that they are late copies; the kernel starts a new connection",
		source: "RFC 9293 3.10.7.4, fourth check",
	},
	{
		name: "late SYN+ACK by the opener",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.stays() && m.onlyCtopPasses() && m.before.ctop >= Open &&
				m.me().synSent && m.step.Seq == m.me().isn
		},
		reason: "it is the retransmitted SYN+ACK of a simultaneous open; the kernel knows only the responder's",
		source: "RFC 9293 3.5, figure 7",
	},
	{
		name: "answer after one that was refused",
		is: func(m *moment) bool {
			return m.step.Has(frame.SYN) && m.passed() && m.before.ctop == SynSent && m.ctop.State == SynRecv &&
				m.kernel.State == SynSent && m.w.trail["refused"]
		},
		after:  part,
		reason: "the kernel initialises a direction from a segment that it then calls invalid",
		source: "RFC 9293 3.5, figure 7",
	},
	{
		name: "answer to a SYN with a lower number",
		is: func(m *moment) bool {
			return m.before.ctop == SynSent && m.step.Has(frame.ACK) && m.step.Flags&(frame.SYN|frame.RST) != 0 && m.ctop.Verdict == Established &&
				m.kernel.State == SynSent && len(m.w.syns) > 1 && m.w.answersSyn(m.step)
		},
		after:  part,
		reason: "an opener that starts again may choose any number, and the answer decides; the kernel accepts only higher ones",
		source: "decision 5c; RFC 9293 3.10.7.3",
	},
	{
		name: "both SYNs acknowledged by number",
		is: func(m *moment) bool {
			w := m.afterwards()
			return m.before.ctop == SynRecv && m.ctop.State >= Open && w.synAcked(0) && w.synAcked(1) &&
				(m.kernel.State == SynRecv || m.kernel.State == KernelSynSent2) && m.w.inside(m.step)
		},
		reason: "that is the meaning of established; the kernel expects the flags in the order of one of two figures",
		source: "RFC 9293 3.5, figure 7; 3.10.7.4, fifth check",
	},
	{
		name: "FIN before the handshake is done",
		is: func(m *moment) bool {
			w := m.afterwards()
			return m.passed() && m.before.ctop == SynRecv && m.stays() && (w.side[0].finSent || w.side[1].finSent) &&
				slices.Contains(closing, m.kernel.State)
		},
		after:  stand,
		reason: "ctop remembers it and changes the state when the SYNs are acknowledged",
		source: "RFC 9293 3.10.4, CLOSE in SYN-RECEIVED",
	},
	{
		name: "FIN in an unanswered midstream flow",
		is: func(m *moment) bool {
			w := m.afterwards()
			return m.passed() && m.ctop.State == Unanswered && m.stays() && (w.side[0].finSent || w.side[1].finSent) &&
				slices.Contains(closing, m.kernel.State)
		},
		after:  stand,
		reason: "ctop remembers it and changes the state when the other end answers",
		source: "decision 5b: a bare ACK creates a flow in NEW until the other side answers",
	},
	{
		name: "ACK from below the SYN",
		is: func(m *moment) bool {
			return m.passed() && m.before.ctop == SynRecv && m.stays() && m.step.Flags&(frame.SYN|frame.RST) == 0 &&
				m.kernel.State >= Open && before(m.step.End(), m.me().isn+1)
		},
		reason: "a segment below the window completes no handshake; the kernel allows it to lag by a window",
		source: "RFC 9293 3.10.7.4, first check, SYN-RECEIVED",
	},
	{
		name: "ACK that covers no SYN",
		is: func(m *moment) bool {
			w := m.afterwards()
			return m.passed() && m.before.ctop == SynRecv && m.stays() && m.step.Flags&(frame.SYN|frame.RST) == 0 &&
				m.kernel.State >= Open && (!w.synAcked(0) || !w.synAcked(1) || w.trail["restarted direction"])
		},
		reason: "an ACK that does not acknowledge the SYN completes no handshake; the kernel looks at the flag only",
		source: "RFC 9293 3.10.7.4, fifth check, SYN-RECEIVED",
	},
	{
		name: "SYN+ACK that answers no SYN",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.onlyKernelPasses("state") && m.stays() && m.before.ctop != SynSent &&
				(m.before.ctop >= Open || !m.w.answersSyn(m.step) || m.w.manySyns() || !m.w.answersEnd(m.step))
		},
		reason: "it acknowledges something else, or a SYN before the last two, so it is invalid and changes nothing",
		source: "RFC 9293 3.10.7.3, first check; decision 5c",
	},
	{
		name: "SYN+ACK to SYN_SENT that answers no SYN",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.onlyKernelPasses("state") && m.stays() && m.before.ctop == SynSent &&
				(!m.w.answersSyn(m.step) || m.w.manySyns() || !m.w.answersEnd(m.step))
		},
		after:  part,
		reason: "as above, and of the SYN before the last one only the end counts; the kernel believes it within 66,000 numbers, and always initialises the direction from it",
		source: "RFC 9293 3.10.7.3, first check; decision 5c",
	},
	{
		name: "direction initialised again",
		is: func(m *moment) bool {
			return m.step.Has(frame.SYN) && m.step.Flags&(frame.RST|frame.FIN) == 0 && m.before.ctop == SynRecv && m.onlyCtopPasses() &&
				m.me().synSent && (m.step.Seq != m.me().isn || len(m.w.syns) > 1)
		},
		after:  part,
		reason: "before the handshake completes, a SYN with new numbers replaces the old one in every state; the kernel allows that in some",
		source: "decision 5c; RFC 9293 3.10.7.3",
	},
	{
		name: "SYN in an unanswered midstream flow",
		is: func(m *moment) bool {
			return m.is(frame.SYN) && m.before.ctop == Unanswered && m.ctop.State == SynSent && m.ctop.Why == "reused"
		},
		after:  renew,
		reason: "nothing was known about that flow, and the SYN carries more information",
		source: "decision 5b",
	},
	{
		name: "SYN by the responder",
		is: func(m *moment) bool {
			return m.is(frame.SYN) && m.stays() && m.onlyCtopPasses() && m.ctop.Verdict == Established
		},
		reason: "ctop remembers a SYN inside a flow, whichever end sent it, and its answer decides",
		source: "decision 5d; RFC 5961 section 4",
	},
	{
		name: "flow begun by an answer is new",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.ctop.Why == "reused" && m.ctop.Verdict == New && m.kernel.Verdict == Established &&
				sameState(m.ctop.State, m.kernel.State)
		},
		reason: "the old flow has ended, and the first packet of a flow is new; the kernel reuses its entry",
		source: "decision 5d: if the answer is a SYN+ACK that acknowledges it, the flow restarts",
	},
	{
		name: "open until both ends start again",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.stays() && m.ctop.Verdict == Established && m.before.ctop >= Open &&
				m.w.answersPending(m.step) != nil
		},
		after:  part,
		reason: "an answered SYN ends an open flow only when its sender acknowledges the answer: one side alone may have forged both",
		source: "decision 5d: an open flow is not discarded before both ends have started a new connection; RFC 9293 3.10.7.3",
	},
	{
		name: "both ends start again",
		is: func(m *moment) bool {
			return m.is(frame.ACK) && m.ctop.Why == "reused" && m.ctop.Verdict == New && m.ctop.State == Open
		},
		after:  part,
		reason: "the ACK of the answer to a remembered SYN ends the old flow and starts the new one",
		source: "decision 5d: an open flow is not discarded before both ends have started a new connection; RFC 9293 3.10.7.3",
	},
	{
		name: "another answer to the same SYN",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.stays() && m.onlyCtopPasses() && m.before.ctop >= Open &&
				m.other().synSent && m.step.Ack == m.other().isn+1
		},
		reason: "an opener that accepted the first answer challenges this one, so it changes nothing",
		source: "RFC 9293 3.10.7.4, fourth check; RFC 5961 section 4",
	},
	{
		name: "ACK of the older one of two answers",
		is: func(m *moment) bool {
			return m.step.Has(frame.ACK) && m.step.Flags&(frame.SYN|frame.RST) == 0 && m.before.ctop == SynRecv && m.ctop.State >= Open &&
				m.w.trail["restarted direction"]
		},
		after:  part,
		reason: "the ACK decides which of two SYN+ACKs counts; the kernel knows only the last one",
		source: "RFC 9293 3.10.7.3",
	},
	{
		name: "only the opener is seen",
		is: func(m *moment) bool {
			return m.is(frame.ACK) && m.onlyCtopPasses() && m.before.ctop == SynSent && m.ctop.State == Unanswered && !m.other().heard
		},
		after:  part,
		reason: "under observe the answers may take another path; the flow is counted, and checked once both ends are seen",
		source: "decision 5b: liberal until both directions have been seen",
	},
	{
		name: "remembered SYN is answered",
		is: func(m *moment) bool {
			return m.is(frame.SYN|frame.ACK) && m.ctop.Why == "reused" && m.ctop.State == SynRecv && (m.w.answersPending(m.step) != nil || m.w.trail["restarted direction"]) &&
				m.kernel.State != SynRecv
		},
		after:  part,
		reason: "the kernel remembers only the opener's SYN, and only until the next packet",
		source: "decision 5d: if the answer is a SYN+ACK that acknowledges it, the flow restarts",
	},
	{
		name: "TIME_WAIT until the answer",
		is: func(m *moment) bool {
			return m.is(frame.SYN) && m.ctop.Verdict == Established && m.stays() && m.kernel.State == SynSent
		},
		after:  part,
		reason: "a SYN reopens a closed flow only when it is answered: the last FIN may still be in flight, and a forged SYN would cut it off",
		source: "RFC 9293 3.10.7.4, TIME-WAIT; RFC 6191; RFC 5961 section 4",
	},
}
