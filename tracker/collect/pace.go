package collect

import (
	"cmp"
	"context"
	"os"
	"runtime/debug"
	"slices"
	"time"
	"weak"

	"ctop/tracker/flow"
)

const (
	// largeTable is the number of flows from which on the garbage collector is paced. A
	// snapshot of so many flows takes some 30 MB.
	largeTable = 1 << 17
	// largeGC is how much of the live memory may be garbage then, in percent. Go's
	// default of 100 would keep as many old snapshots as there are new ones.
	largeGC = 25
	// hugeTable is the number of flows from which on it is hugeGC. A collection looks for
	// processes and names in two snapshots, in 0.07 s of processor time with a million
	// flows, and is due every 60 MB or more, which is seldom: a console takes 5 MB in a second.
	hugeTable = 1 << 19
	hugeGC    = 10
	// defaultGC is Go's default.
	defaultGC = 100
)

// mostLooks is how often, a lookAgain apart, a snapshot waits for earlier ones to become
// garbage.
const (
	mostLooks = 12
	lookAgain = 250 * time.Millisecond
)

// pacer bounds the memory of snapshots of large tables.
type pacer struct {
	// percent is the current share of garbage, 0 before the first snapshot.
	percent int
	// taken are the flows of snapshots that may be in use, the latest one last.
	taken []weak.Pointer[flow.Flow]
}

// next is called before a snapshot is taken, with the previous one. Earlier ones are
// garbage by now. Their memory goes back to the kernel, which clears it for the new one:
// Go would have to do so, and would keep what does not fit. If one is still in use, since
// it is on the screen until the previous one is sorted, or being kept for later, next waits
// a while, or there would be three.
func (p *pacer) next(ctx context.Context, previous *flow.Snapshot) {
	if _, given := os.LookupEnv("GOGC"); given {
		return
	}
	if percent := garbageFor(len(previous.Flows)); percent != cmp.Or(p.percent, defaultGC) {
		debug.SetGCPercent(percent)
		p.percent = percent
	}
	if len(previous.Flows) < largeTable {
		p.taken = nil
		return
	}
	latest := weak.Make(&previous.Flows[0])
	p.taken = slices.DeleteFunc(p.taken, func(one weak.Pointer[flow.Flow]) bool { return one == latest })
	debug.FreeOSMemory()
	for range mostLooks {
		if !p.used() || !rest(ctx, lookAgain) {
			break
		}
		debug.FreeOSMemory()
	}
	// Who has one for longer keeps it, as a paused console does.
	p.taken = append(p.taken[:0], latest)
}

// garbageFor returns how much of the live memory may be garbage with so many flows, in percent.
func garbageFor(flows int) int {
	switch {
	case flows >= hugeTable:
		return hugeGC
	case flows >= largeTable:
		return largeGC
	}
	return defaultGC
}

// used reports whether a snapshot is in use.
func (p *pacer) used() bool {
	return slices.ContainsFunc(p.taken, func(one weak.Pointer[flow.Flow]) bool { return one.Value() != nil })
}
