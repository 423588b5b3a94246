package order

import (
	"maps"
	"slices"

	"ctop/internal/diff"
	"ctop/internal/filter"
	"ctop/internal/memory"
	"ctop/tracker/flow"
)

// Request is the input of Arrange. It must not be changed meanwhile.
type Request struct {
	Snapshot *flow.Snapshot
	Filter   filter.Filter
	By       By
	// Ended are flows that ended recently. They are shown although they are no
	// longer in the snapshot.
	Ended map[flow.ID]Ended
	// Before are the rows of the previous result. They provide the last rates
	// of ended flows.
	Before []*flow.Flow
	// Anchor is the flow whose row is requested. Watch is a flow to find even
	// if the filter hides it. 0 means none.
	Anchor, Watch flow.ID
	// Since is what the flows are compared with, nil to show all. Only what came, went
	// or changed since then is shown, and flows that have ended recently are not.
	Since *diff.Mark
}

// Ended is a flow as of its last event.
type Ended struct {
	Flow   *flow.Flow
	Reason flow.Reason
	// Past is set if the flow ended too long ago for its last rates to be
	// shown.
	Past bool
}

// Result is the output of Arrange.
type Result struct {
	Snapshot *flow.Snapshot
	// Rows are the flows that match the filter, sorted.
	Rows []*flow.Flow
	// Changes says of each row what became of it, if the flows are compared.
	Changes []diff.Row
	// Present is the number of rows whose flows have not ended.
	Present int
	// Living is the number of flows of the snapshot that have not ended since.
	Living int
	// Sick is the number of all flows of the snapshot with which something is wrong.
	Sick int
	// Anchor is the row of the requested flow, or -1. AnchorID is that flow.
	Anchor   int
	AnchorID flow.ID
	// Watched is the watched flow, nil if it is not in the snapshot.
	Watched *flow.Flow
}

// Arrange filters and sorts the flows of a request.
func Arrange(r Request) Result {
	r.Filter = r.Filter.For(r.Snapshot)
	if r.Since != nil {
		return r.arrangeChanges()
	}
	result := Result{Snapshot: r.Snapshot, Anchor: -1, AnchorID: r.Anchor}
	ranker := r.By.ranker()
	items, left, free := r.pick(&ranker, &result)
	defer free()
	flows := r.Snapshot.Flows
	ended := r.lastKnown(left)
	for i, e := range ended {
		if r.passes(e.Flow, e.Reason) {
			items = append(items, ranker.item(e.Flow, len(flows)+i))
		}
	}
	result.Rows = make([]*flow.Flow, 0, len(items))
	memory.Prepare(result.Rows)
	inOrder(items, func(it *item) {
		if it.id == r.Anchor {
			result.Anchor = len(result.Rows)
		}
		if at := int(it.at); at < len(flows) {
			result.Rows = append(result.Rows, &flows[at])
		} else {
			result.Rows = append(result.Rows, ended[at-len(flows)].Flow)
		}
	})
	return result
}

// passes reports whether a flow matches the filter. An ended flow also passes
// if it matched while it lived, so that it does not vanish at once.
func (r Request) passes(f *flow.Flow, reason flow.Reason) bool {
	return r.Filter.Match(f) || reason != flow.ReasonNone && r.Filter.MatchEnded(f, reason)
}

// pick returns the snapshot's flows that match the filter, and the ended flows
// that are not in the snapshot. free ends the use of the former.
func (r Request) pick(ranker *ranker, result *Result) (items []item, ended map[flow.ID]Ended, free func()) {
	ended = make(map[flow.ID]Ended, len(r.Ended))
	maps.Copy(ended, r.Ended)
	flows := r.Snapshot.Flows
	room := len(flows)
	if !r.Filter.Empty() {
		room = min(room, len(r.Before)+1024)
	}
	items, free = memory.Scratch[item](room + len(ended))
	for i := range flows {
		f := &flows[i]
		result.look(f, r.Watch)
		reason := flow.ReasonNone
		result.Living++
		if len(ended) > 0 {
			reason = ended[f.ID].Reason
			delete(ended, f.ID)
		}
		if reason != flow.ReasonNone {
			result.Living--
		}
		if !r.passes(f, reason) {
			continue
		}
		items = append(items, ranker.item(f, i))
		if reason == flow.ReasonNone {
			result.Present++
		}
	}
	return items, ended, free
}

// lastKnown returns the ended flows with their last rates. They are copies,
// because a pointer would keep the old snapshot in memory.
func (r Request) lastKnown(ended map[flow.ID]Ended) []Ended {
	if len(ended) == 0 {
		return nil
	}
	for _, f := range r.Before {
		if e, ok := ended[f.ID]; ok && !e.Past {
			last := *e.Flow
			last.Origin.BPS, last.Origin.PPS = f.Origin.BPS, f.Origin.PPS
			last.Reply.BPS, last.Reply.PPS = f.Reply.BPS, f.Reply.PPS
			last.TimeoutName, last.Timeout, last.Idle = f.TimeoutName, f.Timeout, f.Idle
			ended[f.ID] = Ended{Flow: &last, Reason: e.Reason}
		}
	}
	return slices.Collect(maps.Values(ended))
}
