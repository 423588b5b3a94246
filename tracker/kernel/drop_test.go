package kernel

import "testing"

// Packets that a policy dropped and packets that were not sent are counted apart, and
// what became of packets adds up to them.
func TestDrops(t *testing.T) {
	c := countersFromKernel([]kernelStats{
		{Verdict: [5]uint64{0, 100}, Dropped: 9, Unsent: [2]uint64{4, 2}},
		{Verdict: [5]uint64{0, 10}, Dropped: 1, Unsent: [2]uint64{1, 1}}, // between its two counters
	})
	if c.Dropped != 10 || c.DroppedBy != [3]uint64{3, 5, 3} || c.Forwarded != 100 {
		t.Errorf("%+v", c)
	}
}
