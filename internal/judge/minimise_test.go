package judge

import (
	"slices"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// signature identifies equal failures.
type signature struct {
	reply      bool
	kind       script.Kind
	flags      uint8
	from, to   [2]State
	verdict    [2]Verdict
	why        string
	difference *difference
}

func signatureOf(m *moment) signature {
	return signature{
		reply: m.step.Reply, kind: m.step.Kind, flags: m.step.Flags &^ (frame.PSH | frame.ECE | frame.CWR | frame.URG),
		from: [2]State{m.before.ctop, m.before.kernel}, to: [2]State{m.ctop.State, m.kernel.State},
		verdict: [2]Verdict{m.ctop.Verdict, m.kernel.Verdict}, why: m.ctop.Why, difference: m.difference,
	}
}

// minimise returns the shortest and plainest sequence that it finds with the
// same failure.
func (c *court) minimise(s *script.Sequence, like signature) (*script.Sequence, error) {
	best := &script.Sequence{Name: s.Name, V6: s.V6, Enforce: s.Enforce, Steps: slices.Clone(s.Steps)}
	try := func(candidate *script.Sequence) (bool, error) {
		o, err := c.hear(candidate)
		if err != nil || o.failed == nil || signatureOf(o.failed) != like {
			return false, err
		}
		best = candidate
		best.Steps = best.Steps[:o.failed.index+1]
		return true, nil
	}
	for _, shrink := range []func(*script.Sequence, func(*script.Sequence) (bool, error)) (bool, error){
		dropSteps, renumber, simplify, dropSteps,
	} {
		for {
			smaller, err := shrink(best, try)
			if err != nil {
				return nil, err
			}
			if !smaller {
				break
			}
		}
	}
	return best, nil
}

// with returns the sequence with other steps.
func with(s *script.Sequence, steps []script.Step) *script.Sequence {
	c := *s
	c.Steps = steps
	return &c
}

// dropSteps removes steps, first many at once.
func dropSteps(s *script.Sequence, try func(*script.Sequence) (bool, error)) (bool, error) {
	for size := len(s.Steps) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(s.Steps); at++ {
			smaller, err := try(with(s, slices.Delete(slices.Clone(s.Steps), at, at+size)))
			if smaller || err != nil {
				return smaller, err
			}
		}
	}
	return false, nil
}

// renumber moves both ends' numbers to those of hand-written scenarios.
func renumber(s *script.Sequence, try func(*script.Sequence) (bool, error)) (bool, error) {
	base := [2]uint32{script.FirstISN, script.SecondISN}
	for d := range 2 {
		for i := len(s.Steps) - 1; i >= 0; i-- {
			switch step := &s.Steps[i]; {
			case step.Dir() == d:
				base[d] = step.Seq
			case step.Has(frame.ACK):
				base[d] = step.Ack
			}
		}
	}
	if base == [2]uint32{script.FirstISN, script.SecondISN} {
		return false, nil
	}
	steps := slices.Clone(s.Steps)
	for i := range steps {
		d := steps[i].Dir()
		steps[i].Seq += [2]uint32{script.FirstISN, script.SecondISN}[d] - base[d]
		if steps[i].Has(frame.ACK) {
			steps[i].Ack += [2]uint32{script.FirstISN, script.SecondISN}[1-d] - base[1-d]
		}
	}
	return try(with(s, steps))
}

// plainer are functions that simplify a step; each reports whether it changed
// it.
var plainer = []func(*script.Step) bool{
	func(s *script.Step) bool { had := s.Sack != [2]uint32{}; s.Sack = [2]uint32{}; return had },
	func(s *script.Step) bool { had := s.SackOK; s.SackOK = false; return had },
	func(s *script.Step) bool { had := s.Scale != script.NoScale; s.Scale = script.NoScale; return had },
	func(s *script.Step) bool { had := s.Len > 0; s.Len = 0; return had },
	func(s *script.Step) bool { had := s.Len > 1; s.Len = min(s.Len, 1); return had },
	func(s *script.Step) bool { had := s.Window != 64240; s.Window = 64240; return had },
	func(s *script.Step) bool {
		f := s.Flags &^ (frame.PSH | frame.ECE | frame.CWR | frame.URG)
		had := s.Flags != f
		s.Flags = f
		return had
	},
	func(s *script.Step) bool { had := s.Crossed; s.Crossed = false; return had },
}

func simplify(s *script.Sequence, try func(*script.Sequence) (bool, error)) (bool, error) {
	if s.V6 {
		plain := *s
		plain.V6 = false
		if ok, err := try(&plain); ok || err != nil {
			return ok, err
		}
	}
	for i := range s.Steps {
		for _, change := range plainer {
			steps := slices.Clone(s.Steps)
			if !change(&steps[i]) {
				continue
			}
			if ok, err := try(with(s, steps)); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}
