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

// mapped returns memory outside of Go's heap, nil if there is none.
func mapped(size uintptr) (b []byte, free func()) {
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, nil
	}
	populate(b)
	return b, func() { _ = unix.Munmap(b) }
}
