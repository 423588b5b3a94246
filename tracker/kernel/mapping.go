package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// mapping is the flow table mapped into memory, read-only. Reading it takes no
// system call and delays no other reader or program. It is mapped at the first
// reading.
type mapping struct {
	entries, filling, owners, octets *ebpf.Map

	// mu is read-locked while the mapping is in use.
	mu     sync.RWMutex
	mapped []kernelFlow
	// owned has the processes of the flows, at the same indexes.
	owned []kernelOwner
	// counted has what frames have beyond Ethernet and IP, at the same indexes.
	counted []kernelOctets
	closed  bool
}

// each calls visit with every flow, in the order of the table, as [eachFlow] does.
func (m *mapping) each(visit func(place int, v *kernelFlow)) error {
	return m.use(func(places []kernelFlow) { eachFlow(places, visit) })
}

// eachFlow calls visit with a copy of every flow. It may miss flows that are created or
// end meanwhile. A copy is consistent, though its counters may differ by a packet. It is
// valid until visit returns.
func eachFlow(places []kernelFlow, visit func(place int, v *kernelFlow)) {
	var whole kernelFlow
	for i := range places {
		if copyFlow(&whole, &places[i]) {
			visit(i, &whole)
		}
	}
}

// use calls do with the places that were ever used. They are mapped until do returns.
func (m *mapping) use(do func(places []kernelFlow)) error {
	if err := m.open(); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return fmt.Errorf("read the table: %w", os.ErrClosed)
	}
	var filling kernelFilling
	if err := m.filling.Lookup(uint32(0), &filling); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	do(m.mapped[:min(filling.Used, uint64(len(m.mapped)))])
	return nil
}

// maxCopies bounds the attempts to copy an entry that keeps changing its flow.
const maxCopies = 8

// copyFlow copies an entry, and reports whether the copy is a flow. The
// programs write a flow's key and ID before they set its control word, and
// clear that before they change anything: exchanges are between, which order all
// stores. So a copy is consistent if control has the same tag before and after it,
// and is loaded in this order.
func copyFlow(to, entry *kernelFlow) bool {
	for range maxCopies {
		before := atomic.LoadUint64(&entry.Control)
		if stateFromControl(before) == flow.StateNone {
			return false
		}
		loadEntry(to, entry)
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

// inOrder reports whether the processor carries out loads one after the other. Others,
// like arm64, may load control for the second time before they have loaded the rest.
const inOrder = runtime.GOARCH == "amd64"

func loadEntry(to, entry *kernelFlow) {
	if inOrder {
		*to = *entry
		return
	}
	loadWords(to, entry)
}

// loadWords copies an entry by atomic loads, since nothing that follows one of these is
// loaded before it (LDAR on arm64). They take longer.
func loadWords(to, entry *kernelFlow) {
	type words [unsafe.Sizeof(*entry) / 8]uint64
	from, copied := (*words)(unsafe.Pointer(entry)), (*words)(unsafe.Pointer(to))
	for i := range from {
		copied[i] = atomic.LoadUint64(&from[i])
	}
}

// open maps the table if it is not mapped yet.
func (m *mapping) open() error {
	m.mu.RLock()
	done := m.mapped != nil || m.closed
	m.mu.RUnlock()
	if done {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapped != nil || m.closed {
		return nil
	}
	mapped, err := mapArray[kernelFlow](m.entries)
	if err != nil {
		return err
	}
	if m.owned, err = mapArray[kernelOwner](m.owners); err != nil {
		_ = unmapArray(mapped)
		return err
	}
	if m.counted, err = mapArray[kernelOctets](m.octets); err != nil {
		_ = errors.Join(unmapArray(mapped), unmapArray(m.owned))
		return err
	}
	m.mapped = mapped
	return nil
}

// mapArray maps the elements of an array, read-only.
func mapArray[T any](array *ebpf.Map) ([]T, error) {
	var element T
	n, size := int(array.MaxEntries()), int(unsafe.Sizeof(element))
	b, err := unix.Mmap(array.FD(), 0, n*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, explainMemory(fmt.Errorf("read the table: map %d MB: %w", n*size>>20, err))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// unmapArray ends what mapArray began.
func unmapArray[T any](mapped []T) error {
	var element T
	return unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(mapped))), len(mapped)*int(unsafe.Sizeof(element))))
}

// close waits for readers and unmaps the table. Later readings fail.
func (m *mapping) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.mapped == nil {
		return nil
	}
	err := errors.Join(unmapArray(m.mapped), unmapArray(m.owned), unmapArray(m.counted))
	m.mapped, m.owned, m.counted = nil, nil, nil
	return err
}
