package tracker

import (
	"testing"
	"time"
)

func TestPressure(t *testing.T) {
	for _, tt := range []struct {
		flows uint64
		want  float64
	}{{0, 0}, {50, 0}, {80, 0}, {90, maxPressure / 2}, {100, maxPressure}, {120, maxPressure}} {
		if got := pressure(tt.flows, 100); got < tt.want-1e-9 || got > tt.want+1e-9 {
			t.Errorf("%d of 100 flows: %v, want %v", tt.flows, got, tt.want)
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
		if got := sweepPause(tt.took, tt.underPressure); got != tt.want {
			t.Errorf("after %v, under pressure %v: %v, want %v", tt.took, tt.underPressure, got, tt.want)
		}
	}
}
