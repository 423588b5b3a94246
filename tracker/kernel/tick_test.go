package kernel

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
	k, err := Load(Options{MaxFlows: flow.MinMaxFlows})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	watched, err := watchTick(k.clock)
	if err != nil {
		t.Fatal(err)
	}
	if tick, err := measureTick(k.clock); err != nil || tick != watched {
		t.Errorf("measured %s, watched %s, %v", tick, watched, err)
	}
}

// The times of events follow the time of day at once.
func TestClockOutdated(t *testing.T) {
	c := Clock{Wall: time.Now()}
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
		if got := c.outdated(x.since, c.Wall.Add(x.since+x.set)); got != x.outdated {
			t.Errorf("after %s, set by %s: %v", x.since, x.set, got)
		}
	}
	if none := (Clock{}); !none.outdated(time.Since(none.Wall), time.Now()) {
		t.Error("a clock that was never read is not outdated")
	}
}
