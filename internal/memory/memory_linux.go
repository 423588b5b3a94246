package memory

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// mostWorkers is the number of processors that get memory at the same time.
const mostWorkers = 2

// populate gets the memory of whole pages.
func populate(b []byte) {
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	workers := min(mostWorkers, runtime.GOMAXPROCS(0), len(b)/many)
	part := (len(b)/workers + many - 1) &^ (many - 1)
	var work sync.WaitGroup
	for from := 0; from < len(b); from += part {
		work.Go(func() { _ = unix.Madvise(b[from:min(from+part, len(b))], unix.MADV_POPULATE_WRITE) })
	}
	work.Wait()
}
