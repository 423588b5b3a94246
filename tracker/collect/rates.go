package collect

import (
	"math/bits"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// rates computes packets and bits per second from two snapshots.
type rates struct {
	time  time.Time
	total kernel.Volume
	flows volumes
	// before is what the last snapshot was compared with. Its list is reused
	// for the next snapshot.
	before struct {
		time  time.Time
		total kernel.Volume
		list  []kernel.FlowVolume
	}
}

// begin sets the volumes to which the next snapshot is compared, no matter how old the
// previous snapshot is.
func (r *rates) begin(at time.Time, total kernel.Volume, flows []kernel.FlowVolume) {
	r.time, r.total = at, total
	r.flows.set(flows)
	r.before.time = time.Time{}
}

// hasten compares the next snapshot with the last but one if it comes in less
// than half the previous interval. A rate over a very short time would be
// noise.
func (r *rates) hasten(now time.Time) {
	last, next := r.time.Sub(r.before.time), now.Sub(r.time)
	if r.before.time.IsZero() || next <= 0 || next >= last/2 {
		return
	}
	r.time, r.total = r.before.time, r.before.total
	r.flows.set(r.before.list)
	r.before.list = nil
}

// apply sets the rates of a snapshot and saves its volumes for the next.
func (r *rates) apply(s *flow.Snapshot) {
	r.hasten(s.Time)
	elapsed := s.Time.Sub(r.time).Seconds()
	known := !r.time.IsZero() && elapsed > 0
	list := r.before.list[:0]
	if cap(list) < len(s.Flows) {
		list = make([]kernel.FlowVolume, 0, kernel.RoomFor(len(s.Flows)))
	}
	for i := range s.Flows {
		f := &s.Flows[i]
		now := [2]kernel.Volume{volumeOf(&f.Origin), volumeOf(&f.Reply)}
		list = append(list, kernel.FlowVolume{ID: f.ID, Of: now})
		if !known {
			continue
		}
		// A new flow is compared with zero.
		before := r.flows.find(f.ID)
		f.Origin.PPS, f.Origin.BPS = perSecond(before[flow.Origin], now[flow.Origin], elapsed)
		f.Reply.PPS, f.Reply.BPS = perSecond(before[flow.Reply], now[flow.Reply], elapsed)
	}
	total := kernel.Volume{Packets: s.Counters.Packets, Bytes: s.Counters.Bytes}
	if known {
		s.PPS, s.BPS = perSecond(r.total, total, elapsed)
	}
	r.before.time, r.before.total, r.before.list = r.time, r.total, r.flows.list
	r.time, r.total = s.Time, total
	r.flows.set(list)
}

func volumeOf(h *flow.Half) kernel.Volume { return kernel.Volume{Packets: h.Packets, Bytes: h.Bytes} }

func perSecond(before, now kernel.Volume, seconds float64) (pps, bps float64) {
	if now.Packets < before.Packets || now.Bytes < before.Bytes {
		return 0, 0
	}
	return float64(now.Packets-before.Packets) / seconds, 8 * float64(now.Bytes-before.Bytes) / seconds
}

// volumes finds volumes by flow ID. For a million flows it takes a fraction of
// the time and half the memory of a Go map.
type volumes struct {
	list []kernel.FlowVolume
	// slots is a hash table with open addressing, at most half full. A slot is
	// the index in list plus one, or 0 if it is empty.
	slots []uint32
	shift int
	// indexed is set if slots matches list. next is the index after the last
	// flow found. Tables are read in the same order every time, so the next
	// flow is usually there, and the index is not built if no flow is missing.
	indexed bool
	next    int
}

// set replaces the list.
func (v *volumes) set(list []kernel.FlowVolume) { v.list, v.indexed, v.next = list, false, 0 }

// index fills slots from list.
func (v *volumes) index() {
	v.indexed = true
	width := bits.Len(uint(2*len(v.list) + 1))
	v.shift = 64 - width
	if len(v.slots) == 1<<width {
		clear(v.slots)
	} else {
		v.slots = make([]uint32, 1<<width)
	}
	for n := range v.list {
		i := v.slot(v.list[n].ID)
		for v.slots[i] != 0 {
			i = (i + 1) % len(v.slots)
		}
		v.slots[i] = uint32(n + 1)
	}
}

// slot returns the first slot of an ID, by Fibonacci hashing.
func (v *volumes) slot(id flow.ID) int { return int(uint64(id) * 0x9e3779b97f4a7c15 >> v.shift) }

// find returns the volumes of a flow, zero if it is not in the list.
func (v *volumes) find(id flow.ID) [2]kernel.Volume {
	if v.next < len(v.list) && v.list[v.next].ID == id {
		v.next++
		return v.list[v.next-1].Of
	}
	if !v.indexed {
		v.index()
	}
	for i := v.slot(id); v.slots[i] != 0; i = (i + 1) % len(v.slots) {
		n := int(v.slots[i])
		if f := &v.list[n-1]; f.ID == id {
			v.next = n
			return f.Of
		}
	}
	return [2]kernel.Volume{}
}
