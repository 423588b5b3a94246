package collect

import (
	"os"
	"runtime/debug"
)

const (
	// largeTable is the number of flows from which on the garbage collector is paced. A
	// snapshot of so many flows takes some 30 MB.
	largeTable = 1 << 17
	// largeGC is how much of the live memory may be garbage then, in percent. Go's
	// default of 100 would keep as many old snapshots as there are new ones. A collection
	// costs little, since it does not look into snapshots.
	largeGC = 25
	// defaultGC is Go's default.
	defaultGC = 100
)

// pacer bounds the garbage of large tables.
type pacer struct{ large bool }

// next is called before a snapshot is taken, with the number of flows of the previous
// one. The one before that is garbage by now. Its memory goes back to the kernel, which
// clears it for the new one: Go would have to do so, and would keep what does not fit.
func (p *pacer) next(flows int) {
	if _, given := os.LookupEnv("GOGC"); given {
		return
	}
	large := flows >= largeTable
	switch {
	case large && !p.large:
		debug.SetGCPercent(largeGC)
	case p.large && !large:
		debug.SetGCPercent(defaultGC)
	}
	if p.large = large; large {
		debug.FreeOSMemory()
	}
}
