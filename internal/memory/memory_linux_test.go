package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPrepare fills memory that was prepared, which costs no page fault, and memory that
// was not, which costs one a page, or one a large page where the kernel uses those for all.
func TestPrepare(t *testing.T) {
	const size = 32 << 20
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	faults := func(prepare bool) int64 {
		debug.FreeOSMemory() // or memory that has its pages is used again
		b := make([]byte, 1, size)
		b[0] = 7
		if prepare {
			Prepare(b)
		}
		before := faulted(t)
		b = b[:size]
		for i := 1; i < size; i += os.Getpagesize() {
			b[i] = 1
		}
		if b[0] != 7 || b[2] != 0 || b[size-1] != 0 {
			t.Error("the elements changed")
		}
		runtime.KeepAlive(b)
		return faulted(t) - before
	}
	bare, prepared := faults(false), faults(true)
	if prepared > 64 || prepared >= bare {
		t.Errorf("prepared memory costs %d page faults, other memory %d", prepared, bare)
	}
}

// TestPrepareNothing prepares slices that have nothing to prepare.
func TestPrepareNothing(*testing.T) {
	Prepare[uint64](nil)
	Prepare(make([]struct{}, 1<<30))
	Prepare(make([]uint64, 10))
}

// faulted returns the page faults of this thread so far.
func faulted(t *testing.T) int64 {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return u.Minflt
}
