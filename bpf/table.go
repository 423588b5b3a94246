package bpf

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cilium/ebpf"
)

const (
	// maxNursery bounds the list of new flows that may be evicted (16 MB). In a table
	// of more than half as many, unanswered flows are evicted before it is full.
	maxNursery = 1 << 21
	// openingRoom is how many flows of capacity go with a bucket of 15 handshakes that
	// are remembered when their flow is evicted.
	openingRoom = 8
	// spareRoom is the part of the table that answered flows leave to new ones.
	spareRoom = 16
	// minBuckets are two pages of buckets. In fewer of them a few answered flows may fill
	// those of another key while the table has room.
	minBuckets = 128
	// bucketSlots is BUCKET_SLOTS of bucket.h.
	bucketSlots = len(ConntrackBucket{}.Slots)
)

// SizeTable gives the table of the programs room for so many flows, and a hash that
// nobody can foretell, before they are loaded.
func SizeTable(spec *ebpf.CollectionSpec, maxFlows int) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count the CPUs: %w", err)
	}
	hashing, err := newHashing(maxFlows)
	if err != nil {
		return err
	}
	rounded := 1 << bits.Len(uint(maxFlows-1))
	nursery := min(2*rounded, maxNursery)
	openings := max(rounded/openingRoom, 1)
	stacks := min(1<<bits.Len(uint(cpus-1)), int(spec.Maps["free_places"].MaxEntries))
	spec.Maps["flows"].MaxEntries = uint32(maxFlows)
	spec.Maps["buckets"].MaxEntries = hashing.Buckets
	spec.Maps["nursery"].MaxEntries = uint32(nursery)
	spec.Maps["openings"].MaxEntries = uint32(openings)
	return SetConstants(spec, map[string]any{
		"hashing":      hashing,
		"stack_mask":   uint32(stacks - 1),
		"nursery_mask": uint32(nursery - 1),
		"nursery_bits": uint32(bits.Len(uint(nursery - 1))),
		"opening_mask": uint32(openings - 1),
		"kept_limit":   uint64(maxFlows - max(maxFlows/spareRoom, 1)),
	})
}

// SetConstants sets variables of the programs before they are loaded.
func SetConstants(spec *ebpf.CollectionSpec, values map[string]any) error {
	for name, value := range values {
		v := spec.Variables[name]
		if v == nil {
			return fmt.Errorf("set %s: the BPF programs have no such variable", name)
		}
		if err := v.Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// newHashing draws a hash for a table of at least two slots for each flow.
func newHashing(maxFlows int) (ConntrackHashing, error) {
	h := ConntrackHashing{Buckets: uint32(max((2*maxFlows+bucketSlots-1)/bucketSlots, minBuckets))}
	var drawn [8 * (len(h.Factors) + 2)]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return h, fmt.Errorf("draw a hash: %w", err)
	}
	for i := range h.Factors {
		h.Factors[i] = binary.NativeEndian.Uint64(drawn[8*i:])
	}
	h.Sum = binary.NativeEndian.Uint64(drawn[8*len(h.Factors):])
	h.Mixer = binary.NativeEndian.Uint64(drawn[8*len(h.Factors)+8:]) | 1
	return h, nil
}
