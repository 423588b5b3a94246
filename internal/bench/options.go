package main

import "slices"

// Options says what to measure. The zero value is everything, in full.
type Options struct {
	// Quick takes fewer and shorter samples, and leaves out what is slow.
	Quick bool
	// Only names the parts to run, all where empty.
	Only []string
}

// packetCPU is where measurements by packet run.
const packetCPU = 0

// rounds chooses how many samples to take.
func (o Options) rounds(full, quick int) int {
	if o.Quick {
		return quick
	}
	return full
}

// command is what somebody types to get the same again.
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
