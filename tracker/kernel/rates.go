package kernel

import (
	"time"

	"ctop/bpf"
	"ctop/internal/memory"
	"ctop/tracker/flow"
)

// Rates computes packets and bits per second from two snapshots. The zero value has no
// earlier snapshot. Its methods do not change it if it is nil.
type Rates struct {
	// last is what the next snapshot is compared with, and before what the last one was
	// compared with. next are the volumes of the snapshot that is being read.
	last, before, next volumes
	// step is the time between the last two snapshots.
	step time.Duration
	// elapsed is the time in seconds that the rates of this snapshot are over, 0 if they
	// are not known.
	elapsed float64
	// room is for the flows of the next snapshot, nil if nobody has prepared it.
	room []flow.Flow
}

// volumes are those of a table at one time.
type volumes struct {
	time  time.Time
	total volume
	// flows has an element for every place of the table.
	flows []flowVolume
}

// volume is a number of packets and bytes, of a direction or of the tracker.
type volume struct{ packets, bytes uint64 }

// flowVolume is the volumes of a flow's two directions. Its zero value is no flow.
type flowVolume struct {
	id            flow.ID
	origin, reply volume
}

// fewPlaces is the number of places up to which the volumes of two snapshots are kept.
// In a larger table a flow's volumes are compared and replaced at once.
const fewPlaces = 1 << 16

// begin begins to compare a snapshot, whose flows are still to be read, with the one
// before. places is the number of places in the table.
func (r *Rates) begin(s *flow.Snapshot, places int) {
	list, step := r.before.flows, s.Time.Sub(r.last.time)
	if r.tooSoon(step) {
		list, r.last = r.last.flows, r.before
	}
	r.step = step
	r.last.flows = withPlaces(r.last.flows, places)
	if places > fewPlaces {
		list = r.last.flows
	}
	r.next = volumes{s.Time, volume{s.Counters.Packets, s.Counters.Bytes}, withPlaces(list, places)}
	r.elapsed = 0
	if elapsed := s.Time.Sub(r.last.time).Seconds(); !r.last.time.IsZero() && elapsed > 0 {
		r.elapsed = elapsed
		s.PPS, s.BPS = perSecond(r.last.total, r.next.total, elapsed)
	}
}

// tooSoon reports whether a snapshot comes in less than half the previous step. It is
// compared with the last but one, since a rate over a very short time would be noise.
// What the last one was compared with does not matter: after a long step, as of a
// process that was suspended, each would be too soon, and compared with one ever older.
func (r *Rates) tooSoon(step time.Duration) bool {
	return !r.before.time.IsZero() && step > 0 && step < r.step/2
}

// withPlaces returns a list that has at least n elements.
func withPlaces(list []flowVolume, n int) []flowVolume {
	if n <= len(list) {
		return list
	}
	if n > cap(list) {
		grown := make([]flowVolume, n, RoomFor(n))
		memory.Prepare(grown)
		copy(grown, list)
		return grown
	}
	return list[:n]
}

// newFor is by how much longer than the time between two snapshots a flow may be there
// that the first of them does not have.
const newFor = time.Second

// set sets the rates of a flow. It may be called for several places at the same time. A
// flow of the partner of a pair has none: its packets pass there, and its volumes are told
// in steps.
func (r *Rates) set(place int, f *flow.Flow) {
	if r == nil {
		return
	}
	if f.Holding.Inherited {
		r.forget(place)
		return
	}
	now := flowVolume{f.ID, volumeOf(&f.Origin), volumeOf(&f.Reply)}
	before := r.last.flows[place]
	r.next.flows[place] = now
	if r.elapsed == 0 {
		return
	}
	if before.id != now.id {
		if f.Age.Seconds() > r.elapsed+newFor.Seconds() {
			return // it was the partner's: what it carried before passed there
		}
		before = flowVolume{} // a new flow is compared with zero
	}
	f.Origin.PPS, f.Origin.BPS = perSecond(before.origin, now.origin, r.elapsed)
	f.Reply.PPS, f.Reply.BPS = perSecond(before.reply, now.reply, r.elapsed)
}

// forget notes that a place has no flow.
func (r *Rates) forget(place int) {
	if r != nil {
		r.next.flows[place].id = 0
	}
}

// end ends the comparison.
func (r *Rates) end() {
	r.before, r.last, r.next = r.last, r.next, volumes{}
	if len(r.last.flows) > fewPlaces {
		r.before = volumes{} // its list is that of last
	}
}

// roomFor returns memory for n flows: what was prepared, if that is enough.
func (r *Rates) roomFor(n int) (flows []flow.Flow) {
	if r != nil {
		flows, r.room = r.room, nil
	}
	if n > cap(flows) {
		flows = make([]flow.Flow, n)
		memory.Prepare(flows)
	}
	return flows[:n]
}

func volumeOf(h *flow.Half) volume { return volume{h.Packets, h.Bytes} }

func perSecond(before, now volume, seconds float64) (pps, bps float64) {
	if now == before || now.packets < before.packets || now.bytes < before.bytes {
		return 0, 0
	}
	return float64(now.packets-before.packets) / seconds, 8 * float64(now.bytes-before.bytes) / seconds
}

// BeginRates reads the volumes to which the next snapshot is compared, no matter how old
// the previous one is. It takes less time and far less memory than a snapshot.
func (t *Table) BeginRates(c Clock, r *Rates) error {
	counters, err := t.Counters()
	if err != nil {
		return err
	}
	total := volume{counters.Packets, counters.Bytes}
	return t.objects.mapping.use(func(places []kernelFlow) {
		*r = Rates{last: volumes{c.Wall, total, withPlaces(r.last.flows, len(places))}}
		clear(r.last.flows)
		eachFlow(places, func(place int, v *kernelFlow) {
			if hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_INHERITED) {
				return // as in set
			}
			r.last.flows[place] = flowVolume{flow.ID(v.ID()), volumeFromKernel(v, flow.Origin), volumeFromKernel(v, flow.Reply)}
		})
	})
}

// Prepare gets the memory of the next snapshot, for which there is time until it is taken.
func (t *Table) Prepare(r *Rates) error {
	counters, err := t.Counters()
	if err != nil {
		return err
	}
	return t.objects.mapping.use(func(places []kernelFlow) {
		if n := len(places); together(n, Present(&counters)) {
			r.room = r.roomFor(RoomFor(n))
		}
	})
}
