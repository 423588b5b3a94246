package history

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A tape has the beginning and the end, and in between what fits.
func TestTape(t *testing.T) {
	for _, memory := range []int{0, 1 << 20} {
		tape, table := NewTape(memory), newTable(1000, 1, 0.1)
		kept := map[time.Time]*flow.Snapshot{}
		first := table.now.Time.Add(time.Second + 137*time.Microsecond)
		for range 200 {
			s := table.second()
			kept[s.Time] = s
			tape.Offer(s)
			tape.Add(s)
		}
		times := tape.Times()
		if memory == 0 && len(times) != 200 || memory > 0 && (len(times) < 5 || len(times) > 100 || tape.chain.size() > memory) {
			t.Errorf("%d snapshots in %d bytes", len(times), tape.chain.size())
		}
		if last := times[len(times)-1]; !times[0].Equal(first) || table.now.Time.Sub(last) > time.Duration(2*tape.every)*time.Second {
			t.Errorf("it is from %s to %s", times[0], last)
		}
		for _, at := range []int{0, len(times) / 2, len(times) - 1} {
			equalSnapshots(t, tape.At(times[at], nil), kept[times[at]])
		}
	}
}
