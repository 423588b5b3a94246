package order

import (
	"iter"
	"time"

	"ctop/tracker/flow"
)

// Survey is what an operator has to know about flows before acting on them.
type Survey struct {
	Refs    []flow.Ref
	ByState map[flow.State]int
}

// NewSurvey counts the flows that are wanted.
func NewSurvey(flows iter.Seq[*flow.Flow], wanted func(flow.ID) bool) Survey {
	s := Survey{ByState: map[flow.State]int{}}
	for f := range flows {
		if wanted(f.ID) {
			s.Refs = append(s.Refs, f.Ref())
			s.ByState[f.State]++
		}
	}
	return s
}

// All yields every flow of a snapshot.
func All(s *flow.Snapshot) iter.Seq[*flow.Flow] {
	return func(yield func(*flow.Flow) bool) {
		for i := range s.Flows {
			if !yield(&s.Flows[i]) {
				return
			}
		}
	}
}

// Find returns a flow of a snapshot, nil where it is not there.
func Find(s *flow.Snapshot, id flow.ID) *flow.Flow {
	for i := range s.Flows {
		if s.Flows[i].ID == id {
			return &s.Flows[i]
		}
	}
	return nil
}

// CountTimeouts returns to how many flows each timeout applies. Flows with a
// timeout of their own are not among them.
func CountTimeouts(s *flow.Snapshot) (counts [len(flow.Timeouts{})]int) {
	for i := range s.Flows {
		if f := &s.Flows[i]; !f.OwnTimeout && int(f.TimeoutName) < len(counts) {
			counts[f.TimeoutName]++
		}
	}
	return counts
}

// CountEnding returns how many flows have been silent for longer than a new
// value of a timeout, and would therefore end.
func CountEnding(s *flow.Snapshot, name flow.TimeoutName, d time.Duration) (n int) {
	for i := range s.Flows {
		f := &s.Flows[i]
		if !f.OwnTimeout && f.TimeoutName == name && f.Idle >= d {
			n++
		}
	}
	return n
}
