package collect

import "time"

// Sweeping may take this share of a core at most, and more of it where flows are ended
// to make room.
const (
	maxShare = 0.02
	pressed  = 0.2
	minSweep = time.Second
	maxSweep = time.Minute
)

// SweepPause returns how long to wait after a sweep that took so much of a core.
func SweepPause(took time.Duration, underPressure bool) time.Duration {
	share := maxShare
	if underPressure {
		share = pressed
	}
	return min(max(minSweep, time.Duration(float64(took)/share)), maxSweep)
}

// MinSweep is how long to wait between sweeps at least.
const MinSweep = minSweep

// Pressure begins where the table is filled to this share, and takes this much
// of their timeout from flows that may make room where it is full: a SYN that
// nobody answered is given up after 8 s instead of 2 minutes.
const (
	pressureFrom = 0.8
	maxPressure  = 240.0 / 256
)

// pressure returns what share of their timeout flows that proved nothing, and
// those that both sides ended, have to give up in a table so full.
func pressure(flows uint64, capacity int) float64 {
	fill := float64(flows) / float64(capacity)
	return maxPressure * min(max((fill-pressureFrom)/(1-pressureFrom), 0), 1)
}

// pressureHeld is how long pressure lasts after the table was as full as that. What a
// flood made last comes to its end in the sweeps after the one that made room.
const pressureHeld = 10 * time.Second

// held is the pressure that sweeps go on with.
type held struct {
	pressure float64
	until    time.Time
}

// next takes the pressure that the table is under now, and returns the one to sweep
// with.
func (h *held) next(pressure float64, now time.Time) float64 {
	if pressure >= h.pressure || now.After(h.until) {
		h.pressure, h.until = pressure, now.Add(pressureHeld)
	}
	return h.pressure
}
