package kernel

import (
	"ctop/bpf"

	"ctop/tracker/flow"
)

// addDrops adds the drops of one CPU.
func addDrops(c *flow.Counters, s *kernelStats) {
	tooLong, output := s.Unsent[bpf.ConntrackUnsentUNSENT_TOO_LONG], s.Unsent[bpf.ConntrackUnsentUNSENT_OUTPUT]
	c.Dropped += s.Dropped
	c.DroppedBy[flow.DropTooLong] += tooLong
	c.DroppedBy[flow.DropOutput] += output
	// A packet may have been counted in one counter and not yet in the other.
	c.DroppedBy[flow.DropPolicy] += s.Dropped - min(s.Dropped, tooLong+output)
}
