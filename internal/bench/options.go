package main

import "slices"

// Options selects what to measure. The zero value measures everything, in full.
type Options struct {
	// Quick takes fewer and shorter samples, and skips slow parts.
	Quick bool
	// Only names the parts to run, all if empty.
	Only []string
}

// packetCPU is the CPU of measurements by packet.
const packetCPU = 0

// rounds returns the number of samples to take.
func (o Options) rounds(full, quick int) int {
	if o.Quick {
		return quick
	}
	return full
}

// command returns the command line for the same measurement.
func (o Options) command() string {
	if o.Quick {
		return "make bench-quick"
	}
	return "make bench"
}

func (o Options) wants(p part) bool {
	if len(o.Only) == 0 {
		return !o.Quick || !p.slow
	}
	return slices.Contains(o.Only, p.name)
}
