package order

import (
	"iter"
	"time"

	"ctop/tracker/flow"
)

// Survey summarizes flows for an operator who is about to act on them.
type Survey struct {
	Refs    []flow.Ref
	ByState map[flow.State]int
}

// NewSurvey counts the wanted flows.
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

// All returns an iterator over the flows of a snapshot.
func All(s *flow.Snapshot) iter.Seq[*flow.Flow] {
	return func(yield func(*flow.Flow) bool) {
		for i := range s.Flows {
			if !yield(&s.Flows[i]) {
				return
			}
		}
	}
}

// Find returns a flow of a snapshot, nil if it has no such flow.
func Find(s *flow.Snapshot, id flow.ID) *flow.Flow {
	for i := range s.Flows {
		if s.Flows[i].ID == id {
			return &s.Flows[i]
		}
	}
	return nil
}

// CountTimeouts returns the number of flows for each timeout. It omits flows
// with their own timeout.
func CountTimeouts(s *flow.Snapshot) (counts [len(flow.Timeouts{})]int) {
	for i := range s.Flows {
		if f := &s.Flows[i]; !f.OwnTimeout && int(f.TimeoutName) < len(counts) {
			counts[f.TimeoutName]++
		}
	}
	return counts
}

// CountEnding returns how many flows a new value of a timeout would end,
// because they have been silent for longer.
func CountEnding(s *flow.Snapshot, name flow.TimeoutName, d time.Duration) (n int) {
	for i := range s.Flows {
		f := &s.Flows[i]
		if !f.OwnTimeout && f.TimeoutName == name && f.Idle >= d {
			n++
		}
	}
	return n
}
