package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Table is a table of flows that tests and benchmarks fill and empty, while no
// packet comes by.
type Table struct {
	Flows, Buckets, Filling, FreePlaces *ebpf.Map
	Hashing                             ConntrackHashing
}

// TableOf opens the table that a program uses. The caller closes it.
func TableOf(p *ebpf.Program) (t Table, err error) {
	info, err := p.Info()
	if err != nil {
		return t, fmt.Errorf("look for the table of a program: %w", err)
	}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			t.Close()
			return t, fmt.Errorf("open a map of a program: %w", err)
		}
		if !t.take(m) {
			_ = m.Close()
		}
	}
	return t, nil
}

// take makes a map a part of the table, if it is one.
func (t *Table) take(m *ebpf.Map) bool {
	info, err := m.Info()
	if err != nil {
		return false
	}
	switch info.Name {
	case "flows":
		t.Flows = m
	case "buckets":
		t.Buckets = m
	case "filling":
		t.Filling = m
	case "free_places":
		t.FreePlaces = m
	case ".data.hashing":
		_ = m.Lookup(uint32(0), &t.Hashing)
		return false
	default:
		return false
	}
	return true
}

// Close closes what TableOf opened.
func (t *Table) Close() {
	for _, m := range []*ebpf.Map{t.Flows, t.Buckets, t.Filling, t.FreePlaces} {
		_ = m.Close()
	}
}

// errNoSlot says that both buckets of a key are full.
var errNoSlot = errors.New("no slot is left")

// slotTag is SLOT_TAG_BITS of bucket.h: in force, and not empty.
const slotTag = 3

// bucketEnough is BUCKET_ENOUGH of bucket.h.
const bucketEnough = 6

// place returns where a flow of that hash goes, as course_set of bucket.h does.
func (h *ConntrackHashing) place(all []ConntrackBucket, hash uint64) (bucket uint32, slot int, found bool) {
	first, second := h.buckets(hash)
	used, empty := all[first].room()
	usedSecond, emptySecond := all[second].room()
	if used >= bucketEnough && usedSecond < used {
		first, empty = second, emptySecond
	}
	return first, empty, empty < bucketSlots
}

// room returns how many slots are used, and the first one that is not.
func (b *ConntrackBucket) room() (used, empty int) {
	empty = bucketSlots
	for i, slot := range b.Slots {
		if slot != 0 {
			used++
		} else if empty == bucketSlots {
			empty = i
		}
	}
	return used, empty
}

// Fill enters flows, whose keys the table does not have, in places that were never
// used.
func (t Table) Fill(flows []ConntrackFlow) error {
	var filling ConntrackFilling
	if err := t.Filling.Lookup(uint32(0), &filling); err != nil {
		return fmt.Errorf("fill the table: %w", err)
	}
	if filling.Used+uint64(len(flows)) > uint64(t.Flows.MaxEntries()) {
		return fmt.Errorf("fill the table: %d flows do not fit", len(flows))
	}
	memory, err := mapArray[ConntrackFlow](t.Flows)
	if err != nil {
		return err
	}
	defer func() { _ = unmapArray(memory) }()
	buckets, err := mapArray[ConntrackBucket](t.Buckets)
	if err != nil {
		return err
	}
	defer func() { _ = unmapArray(buckets) }()
	for i := range flows {
		index := filling.Used
		hash := t.Hashing.hash(&flows[i].Key)
		bucket, slot, found := t.Hashing.place(buckets, hash)
		if !found {
			return fmt.Errorf("fill the table: flow %d: %w", i, errNoSlot)
		}
		f := &memory[index]
		*f = flows[i]
		f.Slot = index<<32 | uint64(uint32(hash)) | slotTag
		f.Place = bucket*uint32(bucketSlots) + uint32(slot)
		buckets[bucket].Slots[slot] = f.Slot
		filling.Used++
	}
	if err := t.Filling.Put(uint32(0), filling); err != nil {
		return fmt.Errorf("fill the table: %w", err)
	}
	return nil
}

// Each visits all flows.
func (t Table) Each(visit func(*ConntrackFlow)) error {
	memory, err := mapArray[ConntrackFlow](t.Flows)
	if err != nil {
		return err
	}
	defer func() { _ = unmapArray(memory) }()
	for i := range memory {
		if !memory[i].Ended() {
			visit(&memory[i])
		}
	}
	return nil
}

// Find returns a copy of the flow of a key, nil where there is none. It reads the maps
// entry by entry: mapping their memory costs more than one look-up.
func (t Table) Find(key *ConntrackFlowKey) (*ConntrackFlow, error) {
	hash := t.Hashing.hash(key)
	first, second := t.Hashing.buckets(hash)
	for _, number := range []uint32{first, second} {
		var bucket ConntrackBucket
		if err := t.Buckets.Lookup(number, &bucket); err != nil {
			return nil, fmt.Errorf("look a flow up: %w", err)
		}
		for _, slot := range bucket.Slots {
			if uint32(slot)|slotTag != uint32(hash)|slotTag {
				continue
			}
			var f ConntrackFlow
			if err := t.Flows.Lookup(uint32(slot>>32), &f); err != nil {
				return nil, fmt.Errorf("look a flow up: %w", err)
			}
			if f.Key == *key && !f.Ended() {
				return &f, nil
			}
		}
	}
	return nil, nil
}

// Clear empties the table, and returns how many flows were in it.
func (t Table) Clear() (n int, err error) {
	var filling ConntrackFilling
	if err := t.Filling.Lookup(uint32(0), &filling); err != nil {
		return 0, fmt.Errorf("empty the table: %w", err)
	}
	memory, err := mapArray[ConntrackFlow](t.Flows)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unmapArray(memory) }()
	buckets, err := mapArray[ConntrackBucket](t.Buckets)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unmapArray(buckets) }()
	for i := range memory[:min(filling.Used, uint64(len(memory)))] {
		f := &memory[i]
		if !f.Ended() {
			n++
			buckets[f.Place/uint32(bucketSlots)].Slots[f.Place%uint32(bucketSlots)] = 0
		}
		*f = ConntrackFlow{}
	}
	for i := range t.FreePlaces.MaxEntries() {
		err = errors.Join(err, t.FreePlaces.Put(i, ConntrackFreeStack{}))
	}
	filling.Used, filling.Kept, filling.Tail = 0, 0, filling.Head
	if err := errors.Join(err, t.Filling.Put(uint32(0), filling)); err != nil {
		return 0, fmt.Errorf("empty the table: %w", err)
	}
	return n, nil
}

// mapArray maps an array's memory.
func mapArray[T any](m *ebpf.Map) ([]T, error) {
	n := int(m.MaxEntries())
	b, err := unix.Mmap(m.FD(), 0, n*int(m.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the table: %w", err)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

func unmapArray[T any](array []T) error {
	var one T
	return unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), len(array)*int(unsafe.Sizeof(one))))
}
