// Package recording stores snapshots and events of a tracker in a file, to show
// them later and elsewhere.
//
// A recording begins with a line that names its format and version:
//
//	ctop.recording/1
//
// The rest is compressed with gzip: lines of JSON, each an object with one member, in
// chronological order.
//
//   - Event: a [flow.Event], with Go's names and numbers for its fields.
//   - Head: a snapshot. Its Snapshot is a [flow.Snapshot] without Flows; Changed
//     and Gone are the numbers of such lines that follow.
//   - Flow: a [flow.Flow] that was not in the previous snapshot, or that has
//     changed or has rates. A flow without a line has carried nothing since: it
//     is older and more idle by the time between the snapshots.
//   - Gone: the id of a flow that no longer exists.
//
// The numbers of states and other enums may differ between versions of ctop, which then
// changes the version of the format. Other programs should rather read the output of ctop
// replay --dump -o jsonl.
package recording

import "ctop/tracker/flow"

// A recording begins with format and version.
const (
	format  = "ctop.recording/"
	version = "1"
)

// line is one line. Exactly one of its members is set.
type line struct {
	Head  *head       `json:",omitempty"`
	Flow  *flow.Flow  `json:",omitempty"`
	Gone  flow.ID     `json:",omitempty"`
	Event *flow.Event `json:",omitempty"`
}

// head is a snapshot without its flows.
type head struct {
	Snapshot flow.Snapshot
	// Changed and Gone are the numbers of Flow and Gone lines that follow.
	Changed, Gone int
}

// still returns the flow after the given time without packets.
func still(f flow.Flow) flow.Flow {
	f.Age, f.Idle, f.NAT = 0, 0, 0
	f.Origin.PPS, f.Origin.BPS = 0, 0
	f.Reply.PPS, f.Reply.BPS = 0, 0
	return f
}
