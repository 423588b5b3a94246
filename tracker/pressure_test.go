package tracker

import "testing"

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
