package tracker

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// table is the kernel's table of flows, read where it lies in memory: no system call,
// and nobody waits for it. It is mapped on the first reading, for reading only.
type table struct {
	entries, filling *ebpf.Map

	// mu is held for reading while the mapping is in use.
	mu     sync.RWMutex
	mapped []kernelFlow
	closed bool
}

// each visits a copy of every flow, in the order in which they lie. A flow that came
// or went meanwhile may or may not be visited; one that is visited is whole, though
// its counters may be a packet apart. The copy is the visitor's until it returns.
func (t *table) each(visit func(*kernelKey, *kernelFlow)) error {
	if err := t.open(); err != nil {
		return err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return fmt.Errorf("read the table: %w", os.ErrClosed)
	}
	var filling kernelFilling
	if err := t.filling.Lookup(uint32(0), &filling); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	var whole kernelFlow
	for i := range t.mapped[:min(filling.Used, uint64(len(t.mapped)))] {
		if copyFlow(&whole, &t.mapped[i]) {
			visit(&whole.Key, &whole)
		}
	}
	return nil
}

// maxCopies is how often an entry is copied that is given to one flow after another
// meanwhile.
const maxCopies = 8

// copyFlow copies an entry, and reports whether the copy is a flow. The programs write
// a flow's key and id before control makes it one, and take that back before they
// change anything: what lies between two looks at control with the same tag is whole.
func copyFlow(to, entry *kernelFlow) bool {
	for range maxCopies {
		before := atomic.LoadUint64(&entry.Control)
		if stateFromControl(before) == flow.StateNone {
			return false
		}
		*to = *entry
		after := atomic.LoadUint64(&entry.Control)
		if stateFromControl(after) == flow.StateNone {
			return false
		}
		if before>>32 == after>>32 {
			to.Control = after
			return true
		}
	}
	return false
}

// open maps the table, where that is not done yet.
func (t *table) open() error {
	t.mu.RLock()
	done := t.mapped != nil || t.closed
	t.mu.RUnlock()
	if done {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mapped != nil || t.closed {
		return nil
	}
	n, size := int(t.entries.MaxEntries()), int(unsafe.Sizeof(kernelFlow{}))
	b, err := unix.Mmap(t.entries.FD(), 0, n*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("read the table: map %d MB: %w", n*size>>20, err)
	}
	t.mapped = unsafe.Slice((*kernelFlow)(unsafe.Pointer(unsafe.SliceData(b))), n)
	return nil
}

// close waits for readings that are under way; later ones fail.
func (t *table) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.mapped == nil {
		return nil
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t.mapped))), len(t.mapped)*int(unsafe.Sizeof(kernelFlow{})))
	t.mapped = nil
	return unix.Munmap(b)
}
