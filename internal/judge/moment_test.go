package judge

import (
	"fmt"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// moment is one step with what both trackers said of it.
type moment struct {
	sequence *script.Sequence
	index    int
	step     *script.Step
	// before are the states before the step, ctop and kernel the answers.
	before struct{ ctop, kernel State }
	ctop   Answer
	kernel Answer
	// w is what was said before the step.
	w *witness
	// over is what was said in the flow of the same tuple that ended last, nil
	// where there was none or there is a flow now.
	over *witness
	// difference explains the disagreement, if there is one.
	difference *difference
	// shot is where a capture's packet came from.
	shot *shot
	// opaque says that only the verdicts are compared: the packet has no
	// tuple of its own, or the kernel did not forward it.
	opaque bool
	// parted says that from here on the two judge different flows.
	parted bool
}

func (m *moment) agreed() bool {
	return agree(m.ctop, m.kernel) || (m.opaque || m.late()) && m.ctop.Verdict == m.kernel.Verdict
}

// late tells whether the step comes after the end of its flow, and begins none.
// The kernel keeps an entry for that.
func (m *moment) late() bool { return m.over != nil && m.ctop.State == Gone }

// unexplained tells whether the trackers differ for no listed reason.
func (m *moment) unexplained() bool { return !m.agreed() && m.difference == nil }

func (m *moment) String() string {
	s := fmt.Sprintf("%-60s  ctop: %-32s kernel: %s", m.step.String(), m.ctop, m.kernel)
	switch {
	case m.difference != nil:
		s += "  ~ " + m.difference.name
	case !m.agreed():
		s += "  UNEXPLAINED"
	}
	return s
}

// passed tells whether both trackers gave the packet the same verdict, and not
// that of an invalid one.
func (m *moment) passed() bool {
	return m.ctop.Verdict == m.kernel.Verdict && m.ctop.Verdict != Invalid
}

// onlyCtopPasses tells whether only the kernel calls the packet invalid, and
// onlyKernelPasses whether only ctop does, for the given reason.
func (m *moment) onlyCtopPasses() bool {
	return m.ctop.Verdict != Invalid && m.kernel.Verdict == Invalid
}

func (m *moment) onlyKernelPasses(why string) bool {
	return m.ctop.Verdict == Invalid && m.ctop.Why == why && m.kernel.Verdict != Invalid
}

// stays tells whether the step left ctop's flow in the state that it was in.
func (m *moment) stays() bool { return m.ctop.State == m.before.ctop }

// is tells whether the step is a TCP segment whose flags, apart from PSH, URG
// and those of ECN, are exactly these.
func (m *moment) is(flags uint8) bool {
	return m.step.Kind == script.TCP && m.step.Flags&(frame.SYN|frame.ACK|frame.FIN|frame.RST) == flags
}

func (m *moment) isReset() bool { return m.step.Kind == script.TCP && m.step.Has(frame.RST) }

// afterwards returns what was said up to this step and in it.
func (m *moment) afterwards() *witness {
	w := *m.w
	w.note(m)
	return &w
}

// me and other are what the step's sender and receiver said before it.
func (m *moment) me() *witnessSide { return &m.w.side[m.step.Dir()] }

func (m *moment) other() *witnessSide { return &m.w.side[1-m.step.Dir()] }
