package ipfix

import (
	"time"

	"ctop/tracker/flow"
)

// endReason is flowEndReason (RFC 5102 5.11.3).
type endReason uint8

const (
	endIdle     endReason = 1
	endActive   endReason = 2
	endDetected endReason = 3
	endForced   endReason = 4
	endNoRoom   endReason = 5
)

// endReasonOf returns why a flow's record was made.
func endReasonOf(r flow.Reason) endReason {
	switch r {
	case flow.ReasonNone:
		return endActive
	case flow.ReasonExpired:
		return endIdle
	case flow.ReasonDeleted, flow.ReasonReset:
		return endForced
	case flow.ReasonEvicted:
		return endNoRoom
	}
	return endDetected
}

// volume is what one direction of a flow had: packets, their octets from the IP header
// on, and those of their frames.
type volume struct{ packets, octets, frames uint64 }

// minus returns the difference to an earlier volume.
func (v volume) minus(earlier volume) volume {
	return volume{v.packets - earlier.packets, v.octets - earlier.octets, v.frames - earlier.frames}
}

// plus returns the sum of both volumes.
func (v volume) plus(more volume) volume {
	return volume{v.packets + more.packets, v.octets + more.octets, v.frames + more.frames}
}

func volumeOf(h *flow.Half, overhead uint64) volume {
	v := volume{packets: h.Packets, frames: h.Bytes}
	if link := h.Packets * overhead; link < h.Bytes {
		v.octets = h.Bytes - link
	}
	return v
}

// linkOverhead returns the length of the link headers of a flow's packets.
func linkOverhead(t *flow.Tuple) uint64 {
	const ethernet, tag, session = 14, 4, 8
	n := uint64(ethernet)
	for _, id := range t.VLANs() {
		if id != 0 {
			n += tag
		}
	}
	if t.Session != 0 {
		n += session
	}
	return n
}

// volumesOf returns the volumes of both directions.
func volumesOf(e *flow.Event) [2]volume {
	if e.Octets != [2]uint64{} {
		return [...]volume{
			{e.Origin.Packets, e.Octets[flow.Origin], e.Origin.Bytes}, {e.Reply.Packets, e.Octets[flow.Reply], e.Reply.Bytes},
		}
	}
	// Who began the tracker did not ask for octets.
	overhead := linkOverhead(&e.Tuple)
	return [2]volume{volumeOf(&e.Origin, overhead), volumeOf(&e.Reply, overhead)}
}

// record is one flow record: what a flow had since its last record.
type record struct {
	event *flow.Event
	// since and until are the times of the record's first and last packet.
	since, until time.Time
	end          endReason
	volumes      [2]volume
	// ingress and egress are interface indexes, 0 if a packet did not pass one.
	ingress, egress uint32
	// other is what the flow is behind the translation, nil if there is none.
	other *flow.Tuple
}

// state returns the flow's state, the last one if it has ended.
func (r *record) state() flow.State {
	if r.event.Type == flow.EventDestroy {
		return r.event.From
	}
	return r.event.To
}

// closer returns the side that closed a flow: by FIN, or by a RST.
func (r *record) closer() flow.Closer {
	if r.event.Reason == flow.ReasonRST {
		return flow.Closer(r.event.Direction) + flow.CloserOrigin
	}
	return r.event.ClosedBy
}
