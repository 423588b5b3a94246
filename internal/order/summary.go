package order

import (
	"time"

	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// Summary is what a host says of all its flows together, and of its tracker.
type Summary struct {
	Flows, MaxFlows int
	Uptime          time.Duration
	Policy          flow.Policy
	PPS, BPS        float64
	ByState         [flow.StateTimeWait + 1]int
	// Those of [Count].
	HalfOpen, OneSided, Pinned, TCP int
	Sick                            [sick.NumKinds]int
	// Worst says what is wrong with the worst flow, empty if nothing is wrong with any.
	Worst    string
	Counters flow.Counters
	Timeouts flow.Timeouts
	// ByTimeout are the flows of each timeout.
	ByTimeout [len(flow.Timeouts{})]int
	// Warnings are the tracker's, and Alerts the names of those that hold.
	Warnings, Alerts []string
}

// Summarize counts the flows of a snapshot.
func Summarize(s *flow.Snapshot) Summary {
	c := NewCount(s)
	sum := Summary{
		Flows: c.Flows, MaxFlows: s.MaxFlows, Uptime: s.Uptime, Policy: s.Policy, PPS: s.PPS, BPS: s.BPS,
		ByState: c.ByState, HalfOpen: c.HalfOpen, OneSided: c.OneSided, Pinned: c.Pinned, TCP: c.TCP, Sick: c.Sick,
		Counters: s.Counters, Timeouts: s.Timeouts, ByTimeout: CountTimeouts(s), Warnings: s.Warnings.Sentences(),
	}
	if c.Worst != nil {
		sum.Worst = c.Worst.Tuple.String() + ": " + sick.Sentence(c.Worst)
	}
	for i := range s.Alerts {
		sum.Alerts = append(sum.Alerts, s.Alerts[i].Name)
	}
	return sum
}

// AllSick counts the flows with which something is wrong.
func (s *Summary) AllSick() (n int) {
	for _, of := range s.Sick[1:] {
		n += of
	}
	return n
}

// Plus returns the sums of two hosts. What cannot be added is that of neither.
func (s Summary) Plus(more *Summary) Summary {
	for _, n := range [...]struct {
		to *int
		n  int
	}{
		{&s.Flows, more.Flows},
		{&s.MaxFlows, more.MaxFlows},
		{&s.HalfOpen, more.HalfOpen},
		{&s.OneSided, more.OneSided},
		{&s.Pinned, more.Pinned},
		{&s.TCP, more.TCP},
	} {
		*n.to += n.n
	}
	for _, l := range [...]struct{ to, n []int }{
		{s.ByState[:], more.ByState[:]}, {s.Sick[:], more.Sick[:]}, {s.ByTimeout[:], more.ByTimeout[:]},
	} {
		for i, n := range l.n {
			l.to[i] += n
		}
	}
	s.PPS, s.BPS, s.Counters = s.PPS+more.PPS, s.BPS+more.BPS, s.Counters.Plus(more.Counters)
	return s
}
