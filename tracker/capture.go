package tracker

import (
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// CaptureOptions are what a capture gets.
type CaptureOptions = kernel.CaptureOptions

// Capture gets copies of the packets of marked flows.
type Capture = kernel.Capture

// MaxSnap is the longest part of a packet that a capture can have.
const MaxSnap = kernel.MaxSnap

// MaxRules is the most rules that a capture can have.
const MaxRules = kernel.MaxRules

// Capture begins a capture. At most four run at the same time, in all processes. Close
// must be called before the tracker is closed.
func (t *Tracker) Capture(o CaptureOptions) (*Capture, error) { return t.captures.Begin(o) }

// FlowOf returns the flow of a packet as it is now, without rates. ok is false if it has
// ended. as is a snapshot, of any age, with the timeouts.
func (t *Tracker) FlowOf(p *flow.Packet, as *flow.Snapshot) (f flow.Flow, ok bool) {
	c, err := t.table.ReadClock()
	if err != nil {
		return f, false
	}
	return t.table.FlowAt(p.Place, p.Ref.ID, c, &as.Timeouts)
}

// Linkless reports whether packets of the interface with that index have no link
// header.
func (t *Tracker) Linkless(in uint16) bool { return t.table.Linkless(in) }
