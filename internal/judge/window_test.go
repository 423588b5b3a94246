package judge

import "slices"

// windowDifferences concern windows and acknowledgements.
var windowDifferences = []difference{
	{
		name: "SACK of what was never sent",
		is: func(m *moment) bool {
			return m.step.Sack[0] != m.step.Sack[1] && m.onlyCtopPasses() &&
				after(m.step.Sack[1], m.other().end)
		},
		reason: "selective acknowledgements are advisory and may be reneged on; ctop ignores them",
		source: "RFC 2018 section 8",
	},
	{
		name: "far below the window",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.stays() && !m.isReset() && m.me().isFarOld(m.step, m.other())
		},
		reason: "no segment of the connection can be that old, and an endpoint discards it; the kernel lets it pass and ignores its numbers",
		source: "RFC 9293 3.10.7.4, first check; RFC 5961 section 5.2",
	},
	{
		name: "resynchronised",
		is: func(m *moment) bool {
			return m.ctop.Verdict != Invalid && !m.isReset() && m.w.agrees(m.step)
		},
		after:  part,
		reason: "both directions, each on its own interface, acknowledge what the other sends, so the connection continued on another path; the kernel's entry never recovers",
		source: "RFC 9293 3.10.7.4, fifth check",
	},
	{
		name: "midstream flow with windows",
		is: func(m *moment) bool {
			return m.w.midstream && m.onlyKernelPasses("window") && m.stays()
		},
		after:  part,
		reason: "once both ends were seen, ctop checks a midstream flow like any other; the kernel never does",
		source: "decision 5b: liberal until both directions have been seen",
	},
	{
		name: "window opened by a SACK",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.stays() && m.other().sacked && after(m.step.Seq, m.w.limit(1-m.step.Dir()))
		},
		after:  part,
		reason: "the window counts from the acknowledgement; the kernel counts it from the highest block",
		source: "RFC 9293 3.8.6; RFC 2018 section 3",
	},
	{
		name: "beyond the window by a window",
		is: func(m *moment) bool {
			limit := m.w.limit(1 - m.step.Dir())
			return m.onlyKernelPasses("window") && m.stays() && after(m.step.Seq, limit) &&
				m.step.End()-limit >= m.other().maxWindow
		},
		after:  part,
		reason: "ctop lets less than a window beyond the window pass; the kernel's allowance grows with what it let pass",
		source: "RFC 9293 3.10.7.4, first check",
	},
	{
		name: "windows after a difference",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.onlyKernelPasses("window") && m.stays() && (!m.w.inside(m.step) || m.w.trail["restarted direction"])
		},
		after:  part,
		reason: "an earlier packet moved the windows of only one of the two; by the numbers ctop is right",
		source: "the differences before it in the sequence",
	},
	{
		name: "the kernel ignored what permits this",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.onlyCtopPasses() && !m.isReset() && (m.w.near(m.step) || m.w.trail["restarted direction"])
		},
		after:  part,
		reason: "an earlier packet moved the windows of only one of the two",
		source: "the differences before it in the sequence",
	},
	{
		name: "window moved by a SYN",
		is: func(m *moment) bool {
			return m.onlyCtopPasses() && !m.isReset() && len(m.w.syns) > 1 && m.w.near(m.step)
		},
		after:  part,
		reason: "ctop remembers a SYN in an open flow separately and moves no window; the kernel counts it as sent",
		source: "decision 5d: remembered until it is answered",
	},
	{
		name: "the kernel ignored this, too",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.passed() && !m.isReset() && !m.stays() && m.w.inside(m.step) &&
				m.kernel.State == m.before.kernel
		},
		after:  part,
		reason: "as above, and the kernel lets the packet pass and ignores its numbers",
		source: "the differences before it in the sequence",
	},
	{
		name: "FIN that the kernel ignored",
		is: func(m *moment) bool {
			return m.w.trail["ignored FIN"] && (m.passed() && m.ctop.State >= FinWait1 ||
				m.ctop.Why == "reused" && m.kernel.State == TimeWait)
		},
		after:  part,
		reason: "the kernel ignores the numbers of a segment beyond its window; ctop remembers that the side closed",
		source: "RFC 9293 3.10.7.4, eighth check",
	},
	{
		name: "midstream flow by flags",
		is: func(m *moment) bool {
			return m.w.midstream && m.passed() && !m.isReset() && slices.Contains(closing, m.kernel.State)
		},
		after:  part,
		reason: "ctop does not check numbers far from those first seen; the kernel checks none",
		source: "decision 5b: liberal until both directions have been seen",
	},
	{
		name: "still apart",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.ctop.Verdict == m.kernel.Verdict && m.stays() &&
				m.kernel.State == m.before.kernel && !sameState(m.before.ctop, m.before.kernel)
		},
		after:  stand,
		reason: "both keep the state in which an earlier difference left them",
		source: "the differences before it in the sequence",
	},
}
