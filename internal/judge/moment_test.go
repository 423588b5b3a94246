package judge

import (
	"fmt"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// moment is one step with the answers of both trackers.
type moment struct {
	sequence *script.Sequence
	index    int
	step     *script.Step
	// before are the states before the step; ctop and kernel are the answers.
	before struct{ ctop, kernel State }
	ctop   Answer
	kernel Answer
	// w has the numbers before the step.
	w *witness
	// over has the numbers of the last ended flow of the same tuple, nil if
	// there was none or a flow exists now.
	over *witness
	// difference explains the disagreement, if there is one.
	difference *difference
	// shot is the origin of a capture's packet.
	shot *shot
	// opaque means that only the verdicts are compared: the packet has no tuple
	// of its own, or the kernel did not forward it.
	opaque bool
	// parted means that from here on the two judge different flows.
	parted bool
}

func (m *moment) agreed() bool {
	return agree(m.ctop, m.kernel) || (m.opaque || m.late()) && m.ctop.Verdict == m.kernel.Verdict
}

// late reports whether the step comes after the end of its flow and starts
// none. The kernel still has an entry then.
func (m *moment) late() bool { return m.over != nil && m.ctop.State == Gone }

// unexplained reports whether the trackers differ without a listed reason.
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

// passed reports whether both trackers gave the packet the same verdict, other
// than invalid.
func (m *moment) passed() bool {
	return m.ctop.Verdict == m.kernel.Verdict && m.ctop.Verdict != Invalid
}

// onlyCtopPasses reports whether only the kernel calls the packet invalid, and
// onlyKernelPasses whether only ctop does, for the given reason.
func (m *moment) onlyCtopPasses() bool {
	return m.ctop.Verdict != Invalid && m.kernel.Verdict == Invalid
}

func (m *moment) onlyKernelPasses(why string) bool {
	return m.ctop.Verdict == Invalid && m.ctop.Why == why && m.kernel.Verdict != Invalid
}

// stays reports whether the step left the state of ctop's flow unchanged.
func (m *moment) stays() bool { return m.ctop.State == m.before.ctop }

// is reports whether the step is a TCP segment with exactly these flags, apart
// from PSH, URG and those of ECN.
func (m *moment) is(flags uint8) bool {
	return m.step.Kind == script.TCP && m.step.Flags&(frame.SYN|frame.ACK|frame.FIN|frame.RST) == flags
}

func (m *moment) isReset() bool { return m.step.Kind == script.TCP && m.step.Has(frame.RST) }

// afterwards returns the numbers after this step.
func (m *moment) afterwards() *witness {
	w := *m.w
	w.note(m)
	return &w
}

// me and other are the numbers of the step's sender and receiver before it.
func (m *moment) me() *witnessSide { return &m.w.side[m.step.Dir()] }

func (m *moment) other() *witnessSide { return &m.w.side[1-m.step.Dir()] }
