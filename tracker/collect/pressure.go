package collect

import "time"

// Shares of a core that sweeps may take, without and with pressure, and the
// bounds of the time between sweeps.
const (
	maxShare = 0.02
	pressed  = 0.2
	minSweep = time.Second
	maxSweep = time.Minute
)

// SweepPause returns the time until the next sweep, given the CPU time of the
// last one.
func SweepPause(took time.Duration, underPressure bool) time.Duration {
	share := maxShare
	if underPressure {
		share = pressed
	}
	return min(max(minSweep, time.Duration(float64(took)/share)), maxSweep)
}

// MinSweep is the shortest time between sweeps.
const MinSweep = minSweep

// Pressure shortens the timeouts of some flows while the table is nearly full.
// It begins at the fill level pressureFrom and reaches maxPressure, the share
// of the timeout that is taken away, in a full table. There an unanswered SYN
// expires after 8 s instead of 2 minutes.
const (
	pressureFrom = 0.8
	maxPressure  = 240.0 / 256
)

// pressure returns the share that is taken away from the timeouts of
// unconfirmed flows and of flows closed by both sides.
func pressure(flows uint64, capacity int) float64 {
	fill := float64(flows) / float64(capacity)
	return maxPressure * min(max((fill-pressureFrom)/(1-pressureFrom), 0), 1)
}

// pressureHeld is how long the highest pressure lasts. The last flows of a
// flood only expire after the sweep that made room.
const pressureHeld = 10 * time.Second

// held holds the highest recent pressure.
type held struct {
	pressure float64
	until    time.Time
}

// next returns the pressure for a sweep, given the current one.
func (h *held) next(pressure float64, now time.Time) float64 {
	if pressure >= h.pressure || now.After(h.until) {
		h.pressure, h.until = pressure, now.Add(pressureHeld)
	}
	return h.pressure
}
