package collect

import (
	"reflect"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestPressure(t *testing.T) {
	for _, tt := range []struct {
		flows uint64
		want  float64
	}{{0, 0}, {50, 0}, {80, 0}, {90, maxPressure / 2}, {100, 0.9375}, {120, 0.9375}, {81, 0.046875}} {
		if got := pressure(tt.flows, 100); got < tt.want-1e-9 || got > tt.want+1e-9 {
			t.Errorf("%d of 100 flows: %v, want %v", tt.flows, got, tt.want)
		}
	}
}

// A table is nearly full at nine tenths. One of no size is not.
func TestTableWarnings(t *testing.T) {
	for _, tt := range []struct{ flows, room, percent int }{
		{0, 0, 0}, {0, 1000, 0}, {500, 1000, 0}, {899, 1000, 0}, {900, 1000, 90}, {906, 1000, 91}, {1000, 1000, 100}, {1, 1, 100},
	} {
		got := TableWarnings(&flow.Snapshot{Flows: make([]flow.Flow, tt.flows), MaxFlows: tt.room})
		if tt.percent == 0 {
			if got != nil {
				t.Errorf("%d of %d flows: %q", tt.flows, tt.room, got)
			}
			continue
		}
		if want := (flow.Warning{Kind: flow.WarningTable, Numbers: []int{tt.percent}}); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%d of %d flows: %q, want %q", tt.flows, tt.room, got, want)
		}
	}
}

// A flood that fills the table within seconds ends in seconds, too: a sweep that makes
// some room with its first flows does not leave their full time to the rest.
func TestPressureIsHeld(t *testing.T) {
	var h held
	for _, tt := range []struct {
		second      int
		under, want float64
	}{
		{0, 0, 0},
		{1, 0.9, 0.9},
		{2, 0.9, 0.9},
		{3, 0.3, 0.9},
		{11, 0.3, 0.9},
		{13, 0.3, 0.3},
		{14, 0.5, 0.5},
		{15, 0, 0.5},
		{25, 0, 0},
	} {
		if got := h.next(tt.under, time.Unix(int64(tt.second), 0)); got != tt.want {
			t.Errorf("second %d, under %v: %v, want %v", tt.second, tt.under, got, tt.want)
		}
	}
}

func TestSweepPause(t *testing.T) {
	for _, tt := range []struct {
		took          time.Duration
		underPressure bool
		want          time.Duration
	}{
		{time.Millisecond, false, minSweep},
		{100 * time.Millisecond, false, 5 * time.Second},
		{100 * time.Millisecond, true, minSweep},
		{time.Second, true, 5 * time.Second},
		{time.Minute, false, maxSweep},
	} {
		if got := SweepPause(tt.took, tt.underPressure); got != tt.want {
			t.Errorf("after %v, under pressure %v: %v, want %v", tt.took, tt.underPressure, got, tt.want)
		}
	}
}
