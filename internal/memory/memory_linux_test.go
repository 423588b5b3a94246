package memory

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
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

// TestScratch fills memory and gives it back.
func TestScratch(t *testing.T) {
	for _, n := range []int{0, 10, 4 << 20} {
		before := anonymous(t)
		s, free := Scratch[uint64](n)
		if len(s) != 0 || cap(s) < n {
			t.Fatalf("%d elements and room for %d, not %d", len(s), cap(s), n)
		}
		for i := range n {
			s = append(s, uint64(i))
		}
		s = append(s, uint64(n)) // beyond the room
		if len(s) != n+1 || s[n] != uint64(n) {
			t.Errorf("%d elements, not %d", len(s), n+1)
		}
		free()
		debug.FreeOSMemory()
		if more := anonymous(t) - before; more > 16<<20 {
			t.Errorf("%d bytes stay after %d elements", more, n)
		}
	}
}

// anonymous returns the anonymous memory of this process.
func anonymous(t *testing.T) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(rest, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}
