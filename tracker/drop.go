package tracker

import "ctop/bpf"

// Drop says why a packet was not forwarded.
type Drop uint8

// The reasons, a closed set.
const (
	// DropPolicy is what the policy does not let through.
	DropPolicy Drop = iota
	// DropTooLong is a frame longer than the MTU of the interface that it was to
	// leave by.
	DropTooLong
	// DropOutput is a packet that the interface which it was to leave by did not
	// take: it is down or gone, or says itself that it did not send it.
	DropOutput
	numDrops
)

var dropNames = [numDrops]string{DropPolicy: "policy", DropTooLong: "too_long", DropOutput: "output"}

// Drops returns every reason, in the order in which outputs list them.
func Drops() []Drop {
	reasons := make([]Drop, numDrops)
	for i := range reasons {
		reasons[i] = Drop(i)
	}
	return reasons
}

// String returns the reason's name as every output spells it.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return "unknown"
}

// addDrops adds what a CPU dropped.
func (c *Counters) addDrops(s *kernelStats) {
	tooLong, output := s.Unsent[bpf.ConntrackUnsentUNSENT_TOO_LONG], s.Unsent[bpf.ConntrackUnsentUNSENT_OUTPUT]
	c.Dropped += s.Dropped
	c.DroppedBy[DropTooLong] += tooLong
	c.DroppedBy[DropOutput] += output
	// The CPU may have been between the two counters.
	c.DroppedBy[DropPolicy] += s.Dropped - min(s.Dropped, tooLong+output)
}

// addUnsent takes packets that an interface did not send from those that were
// forwarded: the programs cannot know of them.
func (c *Counters) addUnsent(n uint64) {
	n = min(n, c.Forwarded)
	c.Forwarded -= n
	c.Dropped += n
	c.DroppedBy[DropOutput] += n
}
