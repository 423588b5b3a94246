package kernel

import (
	"sync/atomic"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// What the frames of a flow have beyond an Ethernet header and IP lies in an array beside the
// flows (octets.h in bpf).

type kernelOctets = bpf.ConntrackOctets

// ethernetHeader is the length of the header that frames are taken to have.
const ethernetHeader = 14

// CountsOctets reports whether the programs count octets of IP packets.
func (k *Objects) CountsOctets() bool { return k.octets.MaxEntries() > 1 }

// CountsOctets reports whether [Table.Part] and events have octets.
func (t *Table) CountsOctets() bool { return t.objects.CountsOctets() }

// octetsOf returns the octets of IP packets of a direction.
func octetsOf(h *flow.Half, beyond int64) uint64 {
	return h.Bytes - ethernetHeader*h.Packets - uint64(beyond)
}

// setOctets sets the octets of an event, and how long its flow was silent.
func (t *Table) setOctets(e *flow.Event, raw *kernelEvent, c Clock) {
	if e.Type == flow.EventNew || !t.CountsOctets() {
		return
	}
	e.Octets = [...]uint64{
		octetsOf(&e.Origin, raw.Octets.Beyond[flow.Origin]), octetsOf(&e.Reply, raw.Octets.Beyond[flow.Reply]),
	}
	e.Idle = time.Duration(raw.IdleTicks) * c.Tick
}

// octetsAt sets the octets of the flow v, read at a place. It reports whether the flow is
// still there: they may be another one's otherwise. The caller is inside [mapping.use].
func (m *mapping) octetsAt(e *flow.Event, at int, v *kernelFlow) bool {
	if len(m.counted) <= 1 || at >= len(m.counted) {
		return true
	}
	beyond := [...]int64{
		atomic.LoadInt64(&m.counted[at].Beyond[flow.Origin]), atomic.LoadInt64(&m.counted[at].Beyond[flow.Reply]),
	}
	e.Octets = [...]uint64{octetsOf(&e.Origin, beyond[flow.Origin]), octetsOf(&e.Reply, beyond[flow.Reply])}
	return atomic.LoadUint64(&m.mapped[at].Control)>>32 == v.Control>>32
}
