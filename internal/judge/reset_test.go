package judge

import (
	"ctop/internal/frame"
)

// resetDifferences concern RSTs.
var resetDifferences = []difference{
	{
		name: "reset at once, before a handshake",
		is: func(m *moment) bool {
			return m.passed() && m.isReset() && m.ctop.Why == "rst" && m.ctop.State == Gone && m.kernel.State == KernelClose &&
				m.before.ctop <= SynSent
		},
		reason: "no packet of it can be late; the kernel keeps a CLOSE for 10 s if the other end challenged",
		source: "RFC 9293 3.10.7.3, second check",
	},
	{
		name: "reset at once",
		is: func(m *moment) bool {
			return m.passed() && m.isReset() && m.ctop.Why == "rst" && m.ctop.State == Gone && m.kernel.State == KernelClose
		},
		after:  stand,
		reason: "a believed RST leaves nothing to track; the kernel keeps a CLOSE for 10 s",
		source: "decision 5f: ends at once; after a RST on a midstream flow nothing is kept",
	},
	{
		name: "opener's RST of a challenge",
		is: func(m *moment) bool {
			return m.isReset() && m.before.ctop == SynSent && m.stays() && m.ctop.Verdict == Established &&
				(m.kernel.State == KernelClose || m.kernel.Verdict == Invalid)
		},
		reason: "it ends the old connection at the other end, not the one being opened, whose SYN is retransmitted",
		source: "RFC 5961 section 4.2; RFC 9293 3.10.7.3",
	},
	{
		name: "RST to SYN_SENT with another acknowledgement",
		is: func(m *moment) bool {
			return m.isReset() && m.before.ctop == SynSent && m.stays() && m.onlyKernelPasses("reset") &&
				!m.refuses()
		},
		after:  part,
		reason: "a refusal acknowledges the SYN that it refuses; the kernel believes any RST, so a blind one drops a live handshake",
		source: "RFC 9293 3.10.7.3, first and second check",
	},
	{
		name: "refusal after one that was refused",
		is: func(m *moment) bool {
			return m.isReset() && m.before.ctop == SynSent && m.ctop.Why == "rst" && m.step.Has(frame.ACK) &&
				(m.w.answersSyn(m.step) && m.w.trail["refused"] || m.w.answersPending(m.step) != nil)
		},
		reason: "the kernel initialises a direction from a segment that it then calls invalid",
		source: "RFC 9293 3.10.7.3, second check",
	},
	{
		name: "the opener takes its SYN back",
		is: func(m *moment) bool {
			return m.isReset() && m.before.ctop == SynSent && m.ctop.Why == "rst" && m.me().synSent && m.step.Seq == m.me().end
		},
		reason: "a RST with exactly the number after the SYN is the opener's; the kernel ends the flow with the next one",
		source: "RFC 5961 section 3.2",
	},
	{
		name: "RST by its sequence number alone",
		is: func(m *moment) bool {
			return m.isReset() && m.ctop.Why == "rst" && m.before.ctop != SynSent && (m.exactReset() || m.vague())
		},
		after:  stand,
		reason: "ctop believes a RST with exactly the next number, whatever it acknowledges",
		source: "RFC 5961 section 3.2; RFC 9293 3.10.7.4, second check comes before the fifth",
	},
	{
		name: "inexact RST keeps the flow",
		is: func(m *moment) bool {
			return m.isReset() && m.stays() && m.ctop.Verdict == Established &&
				(m.vague() || !m.exactReset() && m.resetInside() || m.resetBeyond() || m.resetLate())
		},
		reason: "inside the window but not exact, it provokes a challenge ACK, which settles it; right after data sent beyond the window it is not believed either; below the window it may answer an old segment once both sides have closed",
		source: "RFC 5961 section 3.2",
	},
	{
		name: "refusal keeps the flow",
		is: func(m *moment) bool {
			return m.isReset() && m.stays() && m.ctop.Verdict == Established && m.step.Has(frame.ACK) && m.step.Seq == 0 &&
				(m.other().synSent && m.step.Ack == m.other().isn+1 || m.w.answersPending(m.step) != nil)
		},
		reason: "it tells the sender of another or a retransmitted SYN that there is no connection; an attacker could forge both without knowing a number of this flow",
		source: "RFC 9293 3.10.7.1; RFC 5961 section 3.2",
	},
	{
		name: "RST before anything was acknowledged",
		is: func(m *moment) bool {
			return m.isReset() && m.onlyKernelPasses("reset") && m.before.ctop == SynRecv && m.stays() &&
				m.step.Seq != m.me().end
		},
		after:  part,
		reason: "while its receiver has acknowledged nothing, only the exact number differs from a blind guess",
		source: "RFC 5961 section 3.2; RFC 9293 3.10.7.4, second check, SYN-RECEIVED",
	},
	{
		name: "RST outside the window",
		is: func(m *moment) bool {
			return m.isReset() && m.onlyKernelPasses("reset") && m.before.ctop != SynSent && m.stays() &&
				(m.vague() || !m.exactReset() && !m.resetInside())
		},
		reason: "it is invalid in every state; the kernel believes any RST of a closing or midstream flow, and ignores some",
		source: "RFC 5961 section 3.2",
	},
}

// refuses reports whether the RST acknowledges the opener's only SYN, with or
// without all its data.
func (m *moment) refuses() bool {
	syn := m.other()
	return m.step.Has(frame.ACK) && syn.synSent && len(m.w.syns) < 3 && (m.step.Ack == syn.isn+1 || m.step.Ack == syn.synEnd)
}

// vague reports whether the numbers are uncertain: those of a midstream flow,
// or of one whose handshake started again.
func (m *moment) vague() bool { return m.w.vague() }

// exactReset reports whether the RST has exactly the number that its sender
// would send next, or that its receiver expects.
func (m *moment) exactReset() bool {
	return m.me().heard && m.step.Seq == m.me().end || m.other().acked && m.step.Seq == m.other().ack
}

// resetBeyond reports whether the RST comes right after data that its sender
// sent beyond the window: forging that requires no exact number.
func (m *moment) resetBeyond() bool {
	return m.me().heard && m.step.Seq == m.me().end && after(m.step.Seq, m.w.limit(1-m.step.Dir()))
}

// resetLate reports whether the RST may answer an old segment after both sides
// have closed.
func (m *moment) resetLate() bool {
	return m.me().finSent && m.other().finSent && before(m.step.Seq, m.other().ack) &&
		!before(m.step.Seq, m.other().ack-4*m.w.lag())
}

// resetInside reports whether the RST is inside the window: not below its
// receiver's acknowledgement, and not beyond its window.
func (m *moment) resetInside() bool {
	if m.w.midstream {
		return true // the window scale is anybody's guess
	}
	return !after(m.step.Seq, m.w.limit(1-m.step.Dir())) && !before(m.step.Seq, m.other().ack)
}
