package order

import (
	"math"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// Orders of flows that are compared with a mark.
const (
	// ByDelta has the flows first that carried most bytes since the mark.
	ByDelta = "delta"
	// ByChange has those first that came, then those that went, then the others.
	ByChange = "change"
)

// arrangeChanges filters and sorts what came, went or changed.
func (r Request) arrangeChanges() Result {
	result := Result{Snapshot: r.Snapshot, Anchor: -1, AnchorID: r.Anchor, Living: len(r.Snapshot.Flows)}
	c := r.Since.With(r.Snapshot)
	ranker, here := r.By.ranker(), c.Here()
	var items []item
	var rows []diff.Row
	present := len(r.Snapshot.Flows)
	at := 0
	for row := range c.Rows() {
		if at++; at <= present {
			result.look(&r.Snapshot.Flows[at-1], r.Watch)
		} else if row.Change == diff.Went {
			row.Before = here(row.Before)
		}
		f := row.Flow()
		if row.Change == diff.Same || !r.Filter.MatchRow(&row, f) {
			continue
		}
		items = append(items, r.By.rowItem(&ranker, &row, len(rows)))
		if rows = append(rows, row); at <= present {
			result.Present++
		}
	}
	result.Rows, result.Changes = make([]*flow.Flow, 0, len(rows)), make([]diff.Row, 0, len(rows))
	inOrder(items, func(it *item) {
		if it.id == r.Anchor {
			result.Anchor = len(result.Rows)
		}
		row := rows[it.at]
		result.Rows, result.Changes = append(result.Rows, row.Flow()), append(result.Changes, row)
	})
	return result
}

// look counts a flow if it is sick, and notes it if it is the watched one.
func (r *Result) look(f *flow.Flow, watch flow.ID) {
	if sick.Holds(f) {
		r.Sick++
	}
	if f.ID == watch {
		r.Watched = f
	}
}

// rowItem returns the item of a row. Its place is that of the row.
func (by By) rowItem(ranker *ranker, row *diff.Row, at int) item {
	it := ranker.item(row.Flow(), at)
	rank := field.Rank{}
	switch by.Key {
	case ByDelta:
		rank.Hi = uint64(row.Weight()) ^ 1<<63 // the sign's bit turned round: negative numbers come first
	case ByChange:
		rank.Hi, rank.Lo = uint64(row.Change), math.MaxUint64-(uint64(row.Weight())^1<<63)
	default:
		return it
	}
	if by.Desc {
		rank = rank.Reverse()
	}
	it.hi, it.lo, it.sub = rank.Hi, rank.Lo, rank.Sub
	return it
}
