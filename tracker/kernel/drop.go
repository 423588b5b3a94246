package kernel

import (
	"ctop/bpf"

	"ctop/tracker/flow"
)

// addDrops adds what a CPU dropped.
func addDrops(c *flow.Counters, s *kernelStats) {
	tooLong, output := s.Unsent[bpf.ConntrackUnsentUNSENT_TOO_LONG], s.Unsent[bpf.ConntrackUnsentUNSENT_OUTPUT]
	c.Dropped += s.Dropped
	c.DroppedBy[flow.DropTooLong] += tooLong
	c.DroppedBy[flow.DropOutput] += output
	// The CPU may have been between the two counters.
	c.DroppedBy[flow.DropPolicy] += s.Dropped - min(s.Dropped, tooLong+output)
}
