package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Table is a table of flows that tests and benchmarks fill and empty, with what is
// remembered of those that ended, while no packet comes by. Its memory is mapped until Close.
type Table struct {
	Hashing ConntrackHashing

	flows   []ConntrackFlow
	buckets []ConntrackBucket
	filling []ConntrackFilling // one
	free    []ConntrackFreeStack
	ended   []ConntrackEndedBucket
}

// TableMaps are the maps of a table. It does not need them any more once it is
// open. Without Ended nothing is forgotten.
type TableMaps struct {
	Flows, Buckets, Filling, FreePlaces, Ended *ebpf.Map
}

// Open maps the table into memory. The caller closes it.
func (m TableMaps) Open(hashing ConntrackHashing) (*Table, error) {
	t := &Table{Hashing: hashing}
	err := errors.Join(mapArray(&t.flows, m.Flows), mapArray(&t.buckets, m.Buckets),
		mapArray(&t.filling, m.Filling), mapArray(&t.free, m.FreePlaces))
	if m.Ended != nil {
		err = errors.Join(err, mapArray(&t.ended, m.Ended))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the table: %w", err), t.Close())
	}
	return t, nil
}

// TableOf opens the table that a program uses. The caller closes it.
func TableOf(p *ebpf.Program) (*Table, error) {
	info, err := p.Info()
	if err != nil {
		return nil, fmt.Errorf("look for the table of a program: %w", err)
	}
	var maps TableMaps
	var hashing ConntrackHashing
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return nil, fmt.Errorf("open a map of a program: %w", err)
		}
		defer m.Close()
		maps.take(m, &hashing)
	}
	return maps.Open(hashing)
}

// take notes a map, if it is one of the table's.
func (m *TableMaps) take(found *ebpf.Map, hashing *ConntrackHashing) {
	info, err := found.Info()
	if err != nil {
		return
	}
	switch info.Name {
	case "flows":
		m.Flows = found
	case "buckets":
		m.Buckets = found
	case "filling":
		m.Filling = found
	case "free_places":
		m.FreePlaces = found
	case "ended":
		if info.Type == ebpf.Array { // or else of an older build
			m.Ended = found
		}
	case ".data.hashing":
		_ = found.Lookup(uint32(0), hashing)
	}
}

// Close unmaps the table.
func (t *Table) Close() error {
	return errors.Join(unmapArray(t.flows), unmapArray(t.buckets), unmapArray(t.filling), unmapArray(t.free),
		unmapArray(t.ended))
}

// used are the places that ever had a flow.
func (t *Table) used() []ConntrackFlow {
	return t.flows[:min(t.filling[0].Used, uint64(len(t.flows)))]
}

// errNoSlot says that both buckets of a key are full.
var errNoSlot = errors.New("no slot is left")

// Bits of slots, as in bucket.h.
const (
	slotUsed    = 2
	slotTag     = 3 // in force, and not empty
	slotSpilled = 4
)

// bucketEnough is BUCKET_ENOUGH of bucket.h.
const bucketEnough = 6

// place returns where a flow of that hash goes, as flow_enter of bucket.h does.
func (h *ConntrackHashing) place(all []ConntrackBucket, hash uint64) (bucket uint32, slot int, found bool) {
	first, second := h.buckets(hash)
	used, empty := all[first].room()
	usedSecond, emptySecond := all[second].room()
	if used >= bucketEnough && usedSecond < used {
		if last := &all[first].Slots[bucketSlots-1]; *last == 0 {
			*last = slotSpilled
		}
		first, empty = second, emptySecond
	}
	return first, empty, empty < bucketSlots
}

// room returns how many slots are used, and the first one that is not.
func (b *ConntrackBucket) room() (used, empty int) {
	empty = bucketSlots
	for i, slot := range b.Slots {
		if slot&slotUsed != 0 {
			used++
		} else if empty == bucketSlots {
			empty = i
		}
	}
	return used, empty
}

// Fill enters flows, whose keys the table does not have, in places that were never
// used.
func (t *Table) Fill(flows []ConntrackFlow) error {
	filling := &t.filling[0]
	if filling.Used+uint64(len(flows)) > uint64(len(t.flows)) {
		return fmt.Errorf("fill the table: %d flows do not fit", len(flows))
	}
	for i := range flows {
		index := filling.Used
		hash := t.Hashing.hash(&flows[i].Key)
		bucket, slot, found := t.Hashing.place(t.buckets, hash)
		if !found {
			return fmt.Errorf("fill the table: flow %d: %w", i, errNoSlot)
		}
		f := &t.flows[index]
		*f = flows[i]
		f.Slot = index<<32 | uint64(uint32(hash)) | slotTag
		f.Place = bucket*uint32(bucketSlots) + uint32(slot)
		*t.slot(f) = f.Slot
		filling.Used++
	}
	return nil
}

// slot is the slot of a flow.
func (t *Table) slot(f *ConntrackFlow) *uint64 {
	return &t.buckets[f.Place/uint32(bucketSlots)].Slots[f.Place%uint32(bucketSlots)]
}

// Each visits all flows.
func (t *Table) Each(visit func(*ConntrackFlow)) {
	used := t.used()
	for i := range used {
		if !used[i].Ended() {
			visit(&used[i])
		}
	}
}

// Find returns a copy of the flow of a key, nil where there is none.
func (t *Table) Find(key *ConntrackFlowKey) *ConntrackFlow {
	hash := t.Hashing.hash(key)
	first, second := t.Hashing.buckets(hash)
	for _, number := range []uint32{first, second} {
		for _, slot := range t.buckets[number].Slots {
			if uint32(slot)|slotTag != uint32(hash)|slotTag {
				continue
			}
			if f := t.flows[slot>>32]; f.Key == *key && !f.Ended() {
				return &f
			}
		}
	}
	return nil
}

// Clear empties the table, and returns how many flows were in it.
func (t *Table) Clear() (n int) {
	used := t.used()
	for i := range used {
		if f := &used[i]; !f.Ended() {
			n++
			*t.slot(f) = 0
		}
	}
	clear(used)
	clear(t.free)
	filling := &t.filling[0]
	filling.Used, filling.Kept, filling.Tail = 0, 0, filling.Head
	return n
}

// Forget removes what is remembered of flows that ended.
func (t *Table) Forget() { clear(t.ended) }

// mapArray maps the memory of an array.
func mapArray[T any](array *[]T, m *ebpf.Map) error {
	if m == nil {
		return errors.New("a map is missing")
	}
	n := int(m.MaxEntries())
	b, err := unix.Mmap(m.FD(), 0, n*int(m.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map an array: %w", err)
	}
	*array = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
	return nil
}

// unmapArray does the opposite. It does nothing for an array that is not mapped.
func unmapArray[T any](array []T) error {
	if array == nil {
		return nil
	}
	var one T
	return unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), len(array)*int(unsafe.Sizeof(one))))
}
