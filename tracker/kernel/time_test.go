package kernel_test

import (
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/kernel"
	"ctop/tracker/kernel/kerneltest"
)

// Somebody sets the time of day: nothing expires, nothing gets older or younger
// than it is, and what is dated is by the new time.
func TestTimeOfDaySet(t *testing.T) {
	lab.Require(t)
	_, table := kerneltest.Filled(t, 10)
	for _, step := range []time.Duration{0, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		kernel.SetNow(table, func() time.Time { return time.Now().Round(0).Add(step) })
		done, err := table.Sweep(0)
		if err != nil || done.Left != 10 {
			t.Fatalf("set by %s: %d flows are left, %v", step, done.Left, err)
		}
		now, err := table.ReadClock()
		if err != nil {
			t.Fatal(err)
		}
		s, err := table.Read(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Until(s.Time) - step; len(s.Flows) != 10 || off.Abs() > time.Hour {
			t.Errorf("set by %s: %d flows, the snapshot is of %s", step, len(s.Flows), s.Time)
		}
		for _, f := range s.Flows {
			if f.Age < 0 || f.Age > time.Hour || f.Idle > time.Hour || f.Timeout-f.TTL(0) > time.Hour {
				t.Errorf("set by %s: %+v", step, f)
			}
		}
	}
}
