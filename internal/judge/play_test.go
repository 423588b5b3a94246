package judge

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// maxRuns is the capacity of ctop's table. Both tables are emptied every
// flushEvery runs, each of which creates a few flows at most.
const (
	maxRuns    = 1 << 16
	flushEvery = 8000
)

// court has both trackers and plays sequences to them.
type court struct {
	ctop   *ctopSide
	kernel *kernelSide
	runs   uint32
	mark   uint16
	// watch, if not nil, receives every step.
	watch io.Writer
}

func openCourt(t testing.TB) *court {
	t.Helper()
	kernel := openKernel(t)
	return &court{ctop: openCtop(t), kernel: kernel}
}

// outcome is the result of one sequence.
type outcome struct {
	packets, agreed, unjudged int
	differences               []string
	// failed is the unexplained moment; the sequence ends there.
	failed *moment
	// steps has the answers to every judged step.
	steps []*moment
}

// scene is one run of a sequence, with its own tuple.
type scene struct {
	court    *court
	tuple    tuple
	sequence *script.Sequence
	// packets is the packet being judged, in several fragments or whole; frames
	// is the same for ctop; last has the last packets of each tuple and end.
	packets [][]byte
	frames  [][]byte
	last    [2][2][]byte
	kind    script.Kind
	witness map[tuple]*witness
	// over has the witness of every ended flow, until another one begins.
	over map[tuple]*witness
}

// hear plays a sequence through both trackers. It ends at the first unexplained
// difference, or at one after which the two judge different flows.
func (c *court) hear(s *script.Sequence) (*outcome, error) {
	if err := c.prepare(s); err != nil {
		return nil, err
	}
	scene := &scene{court: c, sequence: s, tuple: newTuple(c.runs, s.V6), witness: map[tuple]*witness{}, over: map[tuple]*witness{}}
	o := &outcome{}
	for i := range s.Steps {
		m, err := scene.play(i)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", i+1, s.Steps[i].String(), err)
		}
		o.add(m)
		if c.watch != nil {
			_, _ = fmt.Fprintln(c.watch, m)
		}
		if m.unexplained() || m.parted {
			o.unjudged = len(s.Steps) - i - 1
			break
		}
	}
	return o, nil
}

func (c *court) prepare(s *script.Sequence) error {
	c.runs++
	if c.runs%flushEvery == 0 {
		if err := c.kernel.ct.flush(); err != nil {
			return fmt.Errorf("flush conntrack: %w", err)
		}
		c.ctop.flush()
	}
	if err := c.ctop.policy(s.Enforce); err != nil {
		return err
	}
	return c.kernel.policy(s.Enforce)
}

func (o *outcome) add(m *moment) {
	o.packets++
	o.steps = append(o.steps, m)
	if m.agreed() {
		o.agreed++
	}
	if m.difference != nil {
		o.differences = append(o.differences, m.difference.name)
	}
	if m.unexplained() {
		o.failed = m
	}
}

// play plays one step, and sets the kernel's entry to the state of ctop's flow
// if the difference requires it.
func (s *scene) play(i int) (*moment, error) {
	m := &moment{sequence: s.sequence, index: i, step: &s.sequence.Steps[i]}
	t := s.of(m.step)
	s.compose(m.step, t)
	return m, s.judge(m, t)
}

// judge plays the scene's packet to both trackers and compares the answers.
func (s *scene) judge(m *moment, t tuple) error {
	if m.w = s.witness[t]; m.w == nil {
		m.w = newWitness()
		s.witness[t] = m.w
	}
	m.over = s.over[t]
	if err := s.ask(m, t); err != nil {
		return err
	}
	if !m.agreed() {
		m.difference = explain(m)
		if m.difference != nil {
			m.w.trail[m.difference.name] = true
			if err := s.reconcile(m, t); err != nil {
				return err
			}
		}
	}
	if m.step.Has(frame.FIN) && m.ctop.Verdict != Invalid && (m.kernel.State == m.before.kernel || m.kernel.Verdict == Invalid) {
		m.w.trail["ignored FIN"] = true
	}
	if m.agreed() && m.before.ctop == SynSent && m.ctop.Verdict == Invalid {
		m.w.trail["refused"] = true
	}
	if m.agreed() && m.before.ctop == SynRecv && m.stays() {
		m.w.trail["before the handshake"] = true
	}
	s.remember(m, t)
	return nil
}

// of returns the tuple of the step's flow; for a quote, the tuple of the quoted
// packet.
func (s *scene) of(step *script.Step) tuple {
	t := s.tuple.of(step)
	if step.Kind == script.Quote {
		t.kind = s.kind
	} else {
		s.kind = step.Kind
	}
	return t
}

// compose builds the step's packet.
func (s *scene) compose(step *script.Step, t tuple) {
	s.court.mark++
	d, crossed := step.Dir(), 0
	if step.Crossed {
		crossed = 1
	}
	whole := t.packet(step, s.last[crossed][1-d], s.court.mark)
	s.packets = frame.Fragments(whole, int(step.MTU), s.court.mark)
	s.frames = s.frames[:0]
	for _, packet := range s.packets {
		s.frames = append(s.frames, frame.Around(packet))
	}
	if step.Kind != script.Quote {
		s.last[crossed][d] = whole
	}
}

// ask plays the packet to both trackers.
func (s *scene) ask(m *moment, t tuple) (err error) {
	c := s.court
	m.before.ctop = c.ctop.state(t)
	was, err := c.kernel.ct.get(t)
	if err != nil {
		return err
	}
	m.before.kernel = was.state
	if m.ctop.Verdict, m.ctop.Why, err = c.ctop.play(s.frames, m.step.Dir()); err != nil {
		return err
	}
	m.ctop.State = c.ctop.state(t)
	if m.kernel.Verdict, err = c.kernel.play(s.packets, m.step.Dir()); err != nil {
		return err
	}
	// An entry is confirmed only when its first packet is forwarded.
	m.opaque = m.opaque || c.kernel.kept
	is, err := c.kernel.ct.get(t)
	m.kernel.State = is.state
	return err
}

// reconcile makes the kernel's entry follow ctop's flow, if the difference
// requires it and it is possible, so that the rest of the sequence is judged,
// too.
func (s *scene) reconcile(m *moment, t tuple) error {
	switch m.difference.after {
	case follow:
		return s.follow(m, t)
	case renew:
		kernel := s.court.kernel
		if err := kernel.ct.delete(t); err != nil {
			return err
		}
		_, err := kernel.play(s.packets, m.step.Dir())
		return err
	case part:
		m.parted = true
	case stand:
	}
	return nil
}

// follow sets the kernel's entry to the state of ctop's flow.
func (s *scene) follow(m *moment, t tuple) error {
	ct := s.court.kernel.ct
	switch {
	case sameState(m.ctop.State, m.kernel.State):
	case m.w.trail["FIN before the handshake is done"] && m.before.ctop == SynRecv && slices.Contains(closing, m.kernel.State):
		// The kernel has to remember the FIN.
	case m.ctop.State == Gone:
		return ct.delete(t)
	case m.kernel.State == KernelClose && m.before.ctop == SynRecv:
		m.parted = true // what it knew of FINs cannot be restored
	case m.kernel.State == SynSent:
		m.parted = true // it has seen no answer, and cannot be told of one
	case m.kernel.State == Gone || m.kernel.State == Unanswered || m.ctop.State == Unanswered:
		m.parted = true
	default:
		return ct.setState(t, counterparts[m.ctop.State][0])
	}
	return nil
}

// remember records the step's numbers, or forgets an ended flow.
func (s *scene) remember(m *moment, t tuple) {
	if m.ctop.State == Gone {
		if m.before.ctop >= SynRecv {
			s.over[t] = m.afterwards()
		}
		delete(s.witness, t)
		return
	}
	delete(s.over, t)
	if m.ctop.Why == "reused" {
		s.witness[t] = m.w.restarted(m.step)
	}
	s.witness[t].note(m)
}
