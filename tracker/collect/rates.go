package collect

import (
	"math/bits"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// rates turns the difference between two snapshots into packets and bits per
// second.
type rates struct {
	time  time.Time
	total kernel.Volume
	flows volumes
	// before is what the last snapshot was compared with. The room of its list
	// is that of the next one.
	before struct {
		time  time.Time
		total kernel.Volume
		list  []kernel.FlowVolume
	}
}

// begin is what the next snapshot is compared with, however long ago the last one was.
func (r *rates) begin(at time.Time, total kernel.Volume, flows []kernel.FlowVolume) {
	r.time, r.total = at, total
	r.flows.set(flows)
	r.before.time = time.Time{}
}

// hasten goes back to what the last snapshot was compared with, where the next
// one comes much sooner than that did: a rate over a moment says nothing.
func (r *rates) hasten(now time.Time) {
	last, next := r.time.Sub(r.before.time), now.Sub(r.time)
	if r.before.time.IsZero() || next <= 0 || next >= last/2 {
		return
	}
	r.time, r.total = r.before.time, r.before.total
	r.flows.set(r.before.list)
	r.before.list = nil
}

// apply fills in the snapshot's rates and remembers it for the next.
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
		// A flow that was not there before has carried all since.
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

// volumes finds what flows had carried by their ids. Go's own map takes several
// times as long for a million of them, and twice the memory.
type volumes struct {
	list []kernel.FlowVolume
	// slots hold positions in the list plus one, zero where there is none: a
	// hash table with open addressing, at most half full.
	slots []uint32
	shift int
	// indexed is true if the slots are those of the list. next is behind
	// what was found last: a table is read in the same order again, and flows
	// come and go one here, one there.
	indexed bool
	next    int
}

// set makes a list the one to find flows in.
func (v *volumes) set(list []kernel.FlowVolume) { v.list, v.indexed, v.next = list, false, 0 }

// index has the flows of the list found wherever they are.
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

// slot is where to begin to look for an id: Fibonacci hashing.
func (v *volumes) slot(id flow.ID) int { return int(uint64(id) * 0x9e3779b97f4a7c15 >> v.shift) }

// find returns what a flow had carried, nothing where it was not there.
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
