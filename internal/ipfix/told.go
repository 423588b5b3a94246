package ipfix

import "ctop/tracker/flow"

// A flow of a pair has counters of both machines. Each exports what passed there: what the
// partner told is left out, so that the records of both together are what a flow carried.

// Passed are packets and bytes of both directions.
type Passed struct{ Packets, Bytes [2]uint64 }

// PassedBy returns those of a flow as it is told.
func PassedBy(t *flow.Told) (p Passed) {
	for d := range t.Halves {
		p.Packets[d], p.Bytes[d] = t.Halves[d].Packets, t.Halves[d].Bytes
	}
	return p
}

// elsewhere is what passed at the partner of what a flow's counters have. Where they were set
// back it is less than nothing: sums are right all the same, as they wrap around.
type elsewhere struct {
	Passed
	// pass is the last reading that saw the flow.
	pass uint64
}

// Enter calls enter, which takes what the partner told of a flow, and returns by how much the
// flow's counters have changed by that. Nothing is read meanwhile.
func (e *Exporter) Enter(enter func() (flow.ID, Passed)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, more := enter()
	if more == (Passed{}) {
		return
	}
	there := e.elsewhere[id]
	there.pass = e.pass
	for d := range more.Packets {
		there.Packets[d] += more.Packets[d]
		there.Bytes[d] += more.Bytes[d]
	}
	e.elsewhere[id] = there
}

// passedHere returns what passed at this machine of what an event's flow has had.
func (e *Exporter) passedHere(event *flow.Event) [2]volume {
	volumes := volumesOf(event)
	there, told := e.elsewhere[event.ID]
	if !told {
		return volumes
	}
	overhead := linkOverhead(&event.Tuple)
	for d := range volumes {
		packets, bytes := there.Packets[d], there.Bytes[d]
		volumes[d] = volumes[d].minus(volume{packets: packets, octets: bytes - packets*overhead, frames: bytes})
	}
	return volumes
}

// grown reports whether packets of a flow passed here since its last record.
func (e *Exporter) grown(event *flow.Event) bool {
	told := [2]volume{}
	if a := e.accounts[event.ID]; a != nil {
		told = a.volumes
	}
	return e.passedHere(event) != told
}
