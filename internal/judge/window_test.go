package judge

import "slices"

// windowDifferences are those about what may be sent and acknowledged.
var windowDifferences = []difference{
	{
		name: "SACK of what was never sent",
		is: func(m *moment) bool {
			return m.step.Sack[0] != m.step.Sack[1] && m.onlyCtopPasses() &&
				after(m.step.Sack[1], m.other().end)
		},
		reason: "selective acknowledgements are advice, which may be renounced; ctop does not look at them",
		source: "RFC 2018 section 8",
	},
	{
		name: "far below the window",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.stays() && !m.isReset() && m.me().isFarOld(m.step, m.other())
		},
		reason: "nothing of the connection can be that old, and an endpoint discards it; the kernel lets it pass and takes nothing from it",
		source: "RFC 9293 3.10.7.4, first check; RFC 5961 section 5.2",
	},
	{
		name: "resynchronised",
		is: func(m *moment) bool {
			return m.ctop.Verdict != Invalid && !m.isReset() && m.w.agrees(m.step)
		},
		after:  part,
		reason: "both directions, each by its own interface, acknowledge what the other sends: the connection went on elsewhere; the kernel's entry is never in step again",
		source: "RFC 9293 3.10.7.4, fifth check",
	},
	{
		name: "midstream flow with windows",
		is: func(m *moment) bool {
			return m.w.midstream && m.onlyKernelPasses("window") && m.stays()
		},
		after:  part,
		reason: "once both ends were heard a flow picked up midstream is checked like any other; the kernel never checks it",
		source: "design section 3: liberal until both directions have been seen",
	},
	{
		name: "window opened by a SACK",
		is: func(m *moment) bool {
			return m.onlyKernelPasses("window") && m.stays() && m.other().sacked && after(m.step.Seq, m.w.limit(1-m.step.dir()))
		},
		after:  part,
		reason: "the window counts from the acknowledgement; the kernel counts it from the highest block",
		source: "RFC 9293 3.8.6; RFC 2018 section 3",
	},
	{
		name: "beyond the window by a window",
		is: func(m *moment) bool {
			limit := m.w.limit(1 - m.step.dir())
			return m.onlyKernelPasses("window") && m.stays() && after(m.step.Seq, limit) &&
				m.step.end()-limit >= m.other().maxWindow
		},
		after:  part,
		reason: "beyond the window by less passes; by how much the kernel lets pass grows with what it let pass",
		source: "RFC 9293 3.10.7.4, first check",
	},
	{
		name: "windows after a difference",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.onlyKernelPasses("window") && m.stays() && (!m.w.inside(m.step) || m.w.trail["begun anew"])
		},
		after:  part,
		reason: "a packet at which the two differed has moved the windows of one only; by the numbers ctop is right",
		source: "the differences before it in the sequence",
	},
	{
		name: "the kernel ignored what permits this",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.onlyCtopPasses() && !m.isReset() && (m.w.near(m.step) || m.w.trail["begun anew"])
		},
		after:  part,
		reason: "a packet at which the two differed has moved the windows of one only",
		source: "the differences before it in the sequence",
	},
	{
		name: "window moved by a SYN",
		is: func(m *moment) bool {
			return m.onlyCtopPasses() && !m.isReset() && len(m.w.syns) > 1 && m.w.near(m.step)
		},
		after:  part,
		reason: "a SYN in a flow that is open is remembered apart and moves no window; the kernel takes it for something that was sent",
		source: "design section 3: remembered until it is answered",
	},
	{
		name: "the kernel ignored this, too",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.passed() && !m.isReset() && !m.stays() && m.w.inside(m.step) &&
				m.kernel.State == m.before.kernel
		},
		after:  part,
		reason: "as before, where the kernel lets the packet pass and takes nothing from it",
		source: "the differences before it in the sequence",
	},
	{
		name: "FIN that the kernel ignored",
		is: func(m *moment) bool {
			return m.w.trail["ignored FIN"] && (m.passed() && m.ctop.State >= FinWait1 ||
				m.ctop.Why == "reused" && m.kernel.State == TimeWait)
		},
		after:  part,
		reason: "the kernel takes nothing from a segment beyond its window, ctop remembers that the side closed",
		source: "RFC 9293 3.10.7.4, eighth check",
	},
	{
		name: "midstream flow by flags",
		is: func(m *moment) bool {
			return m.w.midstream && m.passed() && !m.isReset() && slices.Contains(closing, m.kernel.State)
		},
		after:  part,
		reason: "numbers far from those that were first seen bind nobody in ctop; the kernel looks at none",
		source: "design section 3: liberal until both directions have been seen",
	},
	{
		name: "still apart",
		is: func(m *moment) bool {
			return len(m.w.trail) > 0 && m.ctop.Verdict == m.kernel.Verdict && m.stays() &&
				m.kernel.State == m.before.kernel && !sameState(m.before.ctop, m.before.kernel)
		},
		after:  stand,
		reason: "neither moves from where an earlier difference left it",
		source: "the differences before it in the sequence",
	},
}
