package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"ctop/tracker/flow"
)

// MaxWatched is the maximum number of interfaces that one tracker watches. Each has
// its own zone.
const MaxWatched = 1<<12 - 1

// Watched is the programs' data about a watched interface.
type Watched struct {
	// Position is the interface's position among those of the tracker.
	Position int
	// NoLink is set if packets have no link header.
	NoLink bool
	// OneSide is set if both ends of a flow are on one side of the interface,
	// as on lo.
	OneSide bool
	// PeerNetns is the ID of the network namespace at the other end of a veth, or
	// negative.
	PeerNetns int
}

// Watch gives the programs the data about an interface. The interface inherits the
// flows of the one that had its position before.
func (t *Table) Watch(index int, w Watched) error {
	perCPU, err := t.readWatched(index)
	if err != nil {
		cpus, err := ebpf.PossibleCPU()
		if err != nil {
			return fmt.Errorf("set the watched interface: %w", err)
		}
		perCPU = make([]kernelWatched, cpus)
	}
	for i := range perCPU {
		seen := perCPU[i].Seen
		perCPU[i] = *w.toKernel()
		perCPU[i].Seen = seen
	}
	if err := t.objects.watched.Put(uint32(index), perCPU); err != nil {
		return fmt.Errorf("set the watched interface: %w", err)
	}
	return nil
}

func (t *Table) readWatched(index int) (perCPU []kernelWatched, err error) {
	err = t.objects.watched.Lookup(uint32(index), &perCPU)
	return perCPU, err
}

// Watches reports whether the programs have this data about the interface.
func (t *Table) Watches(index int, w Watched) bool {
	perCPU, err := t.readWatched(index)
	if err != nil || len(perCPU) == 0 {
		return false
	}
	known := perCPU[0]
	known.Seen = kernelWatched{}.Seen
	return known == *w.toKernel()
}

// SeenAt returns what came in and went out by a watched interface since it was set, zero
// if it is not known. An offloaded packet counts as the segments that it becomes.
func (t *Table) SeenAt(index int) (in, out flow.Volume) {
	perCPU, _ := t.readWatched(index)
	for i := range perCPU {
		seen := &perCPU[i].Seen
		in.Packets += seen[0].Packets
		in.Bytes += seen[0].Bytes
		out.Packets += seen[1].Packets
		out.Bytes += seen[1].Bytes
	}
	return in, out
}

// Unwatch removes the programs' data about an interface, since the kernel may reuse its
// index.
func (t *Table) Unwatch(index int) error {
	err := t.objects.watched.Delete(uint32(index))
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("forget the watched interface: %w", err)
	}
	return nil
}

// toKernel returns the data in the kernel's layout. The zone has the layout of the last
// two words of a key.
func (w Watched) toKernel() *kernelWatched {
	var zone kernelKey
	addZone(&zone, uint16(w.Position+1))
	var ids, rest [8]byte
	binary.NativeEndian.PutUint16(ids[4:], zone.Vlan[0])
	binary.NativeEndian.PutUint16(ids[6:], zone.Vlan[1])
	binary.NativeEndian.PutUint16(rest[4:], zone.VlanThird)
	k := &kernelWatched{
		Zone:      [2]uint64{binary.NativeEndian.Uint64(ids[:]), binary.NativeEndian.Uint64(rest[:])},
		PeerNetns: int32(w.PeerNetns),
	}
	if w.NoLink {
		k.NoLink = 1
	}
	if w.OneSide {
		k.OneSide = 1
	}
	return k
}

// DeleteZone deletes the flows of a zone.
func (t *Table) DeleteZone(zone uint16) error {
	var refs []flow.Ref
	err := t.Rows(func(r *Row) {
		if zoneOf(&r.key) == zone {
			origin := r.Origin()
			refs = append(refs, flow.Ref{ID: r.ID, Tuple: origin.Tuple()})
		}
	})
	if err != nil || len(refs) == 0 {
		return err
	}
	_, err = t.Act(context.Background(), flow.Deletion(refs...))
	return err
}
