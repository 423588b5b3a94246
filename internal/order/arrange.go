package order

import (
	"maps"
	"slices"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// Request is what to arrange. Nothing in it may change while that lasts.
type Request struct {
	Snapshot *flow.Snapshot
	Filter   filter.Filter
	By       By
	// Ended are flows that ended a while ago. They are shown although the
	// snapshot has them no more.
	Ended map[flow.ID]Ended
	// Before are the rows shown so far: where an ended flow is one of them
	// its rates are known.
	Before []*flow.Flow
	// Anchor is a flow whose row is asked for, Watch one to be found even
	// where the filter hides it. Zero is none.
	Anchor, Watch flow.ID
}

// Ended is a flow as its last event told it.
type Ended struct {
	Flow   *flow.Flow
	Reason flow.Reason
	// Past is set where that was too long ago for its last rates to be shown.
	Past bool
}

// Result is what became of a request.
type Result struct {
	Snapshot *flow.Snapshot
	// Rows are the flows that pass the filter, in order.
	Rows []*flow.Flow
	// Present is how many of the rows are flows of the snapshot that have not
	// ended.
	Present int
	// Anchor is the row of the flow that the request named, AnchorID; -1
	// where it has none.
	Anchor   int
	AnchorID flow.ID
	// Watched is the watched flow, nil where the snapshot has none.
	Watched *flow.Flow
}

// Arrange filters and sorts.
func Arrange(r Request) Result {
	r.Filter = r.Filter.For(r.Snapshot)
	result := Result{Snapshot: r.Snapshot, Anchor: -1, AnchorID: r.Anchor}
	ranker := r.By.ranker()
	items, left := r.pick(&ranker, &result)
	flows := r.Snapshot.Flows
	ended := r.lastKnown(left)
	for i, e := range ended {
		if r.passes(e.Flow, e.Reason) {
			items = append(items, ranker.item(e.Flow, len(flows)+i))
		}
	}
	items = sorted(items)
	result.Rows = make([]*flow.Flow, len(items))
	for i := range items {
		if at := int(items[i].at); at < len(flows) {
			result.Rows[i] = &flows[at]
		} else {
			result.Rows[i] = ended[at-len(flows)].Flow
		}
		if items[i].id == r.Anchor {
			result.Anchor = i
		}
	}
	return result
}

// passes reports whether a flow passes the filter. One that has ended also does
// where it passed while it lived: it is not to vanish from under the eye.
func (r Request) passes(f *flow.Flow, reason flow.Reason) bool {
	return r.Filter.Match(f) || reason != flow.ReasonNone && r.Filter.MatchEnded(f, reason)
}

// pick returns the snapshot's flows that pass the filter, and the ended flows
// that the snapshot does not have.
func (r Request) pick(ranker *ranker, result *Result) (items []item, ended map[flow.ID]Ended) {
	ended = make(map[flow.ID]Ended, len(r.Ended))
	maps.Copy(ended, r.Ended)
	flows := r.Snapshot.Flows
	room := len(flows)
	if !r.Filter.Empty() {
		room = min(room, len(r.Before)+1024)
	}
	items = make([]item, 0, room)
	for i := range flows {
		f := &flows[i]
		if f.ID == r.Watch {
			result.Watched = f
		}
		reason := flow.ReasonNone
		if len(ended) > 0 {
			reason = ended[f.ID].Reason
			delete(ended, f.ID)
		}
		if !r.passes(f, reason) {
			continue
		}
		items = append(items, ranker.item(f, i))
		if reason == flow.ReasonNone {
			result.Present++
		}
	}
	return items, ended
}

// lastKnown returns ended flows as they were last shown. They are copies: a
// pointer into an old snapshot would keep all of it in memory.
func (r Request) lastKnown(ended map[flow.ID]Ended) []Ended {
	if len(ended) == 0 {
		return nil
	}
	for _, f := range r.Before {
		if told, ok := ended[f.ID]; ok && !told.Past {
			last := *told.Flow
			last.Origin.BPS, last.Origin.PPS = f.Origin.BPS, f.Origin.PPS
			last.Reply.BPS, last.Reply.PPS = f.Reply.BPS, f.Reply.PPS
			last.TimeoutName, last.Timeout, last.Idle = f.TimeoutName, f.Timeout, f.Idle
			ended[f.ID] = Ended{Flow: &last, Reason: told.Reason}
		}
	}
	return slices.Collect(maps.Values(ended))
}
