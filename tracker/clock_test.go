package tracker

import (
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// ticksAt is what a kernel's clock shows, whose ticks began some time after its
// fine clock.
func ticksAt(hz int, uptime, late time.Duration) uint64 {
	return uint64(1<<32 - 300*int64(hz) + int64((uptime-late).Seconds()*float64(hz)))
}

func TestTickSinceBoot(t *testing.T) {
	for _, hz := range tickRates {
		for _, uptime := range []time.Duration{30 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 1000 * time.Hour, 100_000 * time.Hour} {
			for _, late := range []time.Duration{-100 * time.Millisecond, 0, 50 * time.Millisecond, 2 * time.Second} {
				tick, sure := tickSinceBoot(ticksAt(hz, uptime, late), uptime)
				if !sure || tick != time.Second/time.Duration(hz) {
					t.Errorf("HZ=%d after %s, late by %s: %s, %v", hz, uptime, late, tick, sure)
				}
			}
		}
	}
	if tick, sure := tickSinceBoot(ticksAt(250, 310*time.Second, 0), 310*time.Second); sure {
		t.Errorf("%s, where all are alike", tick)
	}
	if tick, sure := tickSinceBoot(12345, time.Hour); sure {
		t.Errorf("%s by ticks that began elsewhere", tick)
	}
}

// TestWatchTick has both ways agree.
func TestWatchTick(t *testing.T) {
	lab.Require(t)
	k, err := loadKernel(loadOptions{maxFlows: flow.MinMaxFlows})
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	watched, err := watchTick(k.clock)
	if err != nil {
		t.Fatal(err)
	}
	if tick, err := measureTick(k.clock); err != nil || tick != watched {
		t.Errorf("measured %s, watched %s, %v", tick, watched, err)
	}
}

// Somebody sets the time of day: nothing expires, nothing gets older or younger
// than it is, and what is dated is by the new time.
func TestTimeOfDaySet(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	for _, step := range []time.Duration{0, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		tr.now = func() time.Time { return time.Now().Round(0).Add(step) }
		done, err := tr.sweep(0)
		if err != nil || done.left != 10 {
			t.Fatalf("set by %s: %d flows are left, %v", step, done.left, err)
		}
		s, err := tr.Snapshot()
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

// The times of events follow the time of day at once.
func TestClockOutdated(t *testing.T) {
	c := clock{wall: time.Now()}
	for _, x := range []struct {
		since, set time.Duration
		outdated   bool
	}{
		{time.Second, 0, false},
		{time.Second, clockStep / 2, false},
		{time.Second, time.Hour, true},
		{time.Second, -time.Hour, true},
		{clockRefresh + 1, 0, true},
	} {
		if got := c.outdated(x.since, c.wall.Add(x.since+x.set)); got != x.outdated {
			t.Errorf("after %s, set by %s: %v", x.since, x.set, got)
		}
	}
	if none := (clock{}); !none.outdated(time.Since(none.wall), time.Now()) {
		t.Error("a clock that was never read is not outdated")
	}
}
