// Package recording keeps snapshots and events of a tracker in a file, to be
// looked at later and elsewhere.
//
// A recording begins with a line that names its format and version:
//
//	ctop.recording/1
//
// What follows is compressed with gzip: lines of JSON, each an object with one
// member, in the order in which things happened.
//
//   - Event: a [flow.Event], with Go's names and numbers for its fields.
//   - Head: a snapshot. Its Snapshot is a [flow.Snapshot] without Flows;
//     Changed and Gone are how many lines of either kind follow at once.
//   - Flow: a [flow.Flow] that was not in the snapshot before, or that is
//     another now. One that is not named has carried nothing since: it has grown
//     older and more idle by the time between the snapshots.
//   - Gone: the id of a flow that is not there any more.
//
// Numbers of states and the like may differ between versions of ctop, which then
// changes the version of the format; what is to be read by other programs is
// better had from ctop replay --dump -o jsonl.
package recording

import "ctop/tracker/flow"

// format is what a recording begins with, up to its version.
const (
	format  = "ctop.recording/"
	version = "1"
)

// line is one line. One of its members is set.
type line struct {
	Head  *head       `json:",omitempty"`
	Flow  *flow.Flow  `json:",omitempty"`
	Gone  flow.ID     `json:",omitempty"`
	Event *flow.Event `json:",omitempty"`
}

// head is a snapshot without its flows.
type head struct {
	Snapshot flow.Snapshot
	// Changed and Gone are how many lines of either kind follow.
	Changed, Gone int
}

// still returns the flow as it would be after some more time of silence.
func still(f flow.Flow) flow.Flow {
	f.Age, f.Idle = 0, 0
	f.Origin.PPS, f.Origin.BPS = 0, 0
	f.Reply.PPS, f.Reply.BPS = 0, 0
	return f
}
