// Package diff compares two snapshots.
package diff

import (
	"bytes"
	"cmp"
	"slices"

	"ctop/tracker/flow"
)

// Change is what happened to a flow between two snapshots.
type Change uint8

// The changes, in the order in which they are shown.
const (
	// Came: the flow is only in the later snapshot.
	Came Change = iota
	// Went: the flow is only in the earlier snapshot.
	Went
	// Changed: the flow is in both, and its state or one of its counters differs.
	Changed
	// Same: the flow is in both, and nothing differs.
	Same
	numChanges
)

var changeNames = [numChanges]string{"came", "went", "changed", "same"}

// String returns the name of the change in all outputs.
func (c Change) String() string { return changeNames[c] }

// Changes returns all changes but [Same].
func Changes() []Change { return []Change{Came, Went, Changed} }

// Key says what makes two flows of two snapshots the same.
type Key uint8

// The keys.
const (
	// ByAny is ByID if the snapshots share an id, and else ByTuple.
	ByAny Key = iota
	// ByID compares the flows of one tracker: a tuple that was opened again is
	// another flow.
	ByID
	// ByTuple compares what two trackers saw, or a tracker before and after it was
	// started again: by tuple and by the name of the interface.
	ByTuple
	numKeys
)

var keyNames = [numKeys]string{"any", "id", "tuple"}

// String returns the name of the key in all outputs.
func (k Key) String() string { return keyNames[k] }

// Keys returns all keys.
func Keys() []Key { return []Key{ByAny, ByID, ByTuple} }

// Row is a flow that differs. Before is nil if it came, After if it went.
type Row struct {
	Change        Change
	Before, After *flow.Flow
}

// Flow returns the flow as it was last seen.
func (r *Row) Flow() *flow.Flow {
	if r.After != nil {
		return r.After
	}
	return r.Before
}

// Delta is what a direction carried between the snapshots. It is negative where the
// later snapshot has the smaller count, as after a restart of the tracker.
type Delta struct{ Packets, Bytes int64 }

// Deltas returns what each direction carried: everything if the flow came, and nothing
// that one knows if it went.
func (r *Row) Deltas() (origin, reply Delta) {
	if r.After == nil {
		return Delta{}, Delta{}
	}
	if r.Before == nil {
		return less(&r.After.Origin, &flow.Half{}), less(&r.After.Reply, &flow.Half{})
	}
	before, beforeReply := halves(r.Before, r.After)
	return less(&r.After.Origin, before), less(&r.After.Reply, beforeReply)
}

// halves returns the directions of a flow as another one names them: a tracker that
// met a flow midstream may take the other end for the one that began.
func halves(f, as *flow.Flow) (origin, reply *flow.Half) {
	if f.Tuple.Src != as.Tuple.Src {
		return &f.Reply, &f.Origin
	}
	return &f.Origin, &f.Reply
}

func less(after, before *flow.Half) Delta {
	return Delta{int64(after.Packets - before.Packets), int64(after.Bytes - before.Bytes)}
}

// Bytes returns what both directions carried.
func (r *Row) Bytes() int64 {
	origin, reply := r.Deltas()
	return origin.Bytes + reply.Bytes
}

// Result is the difference between two snapshots.
type Result struct {
	// Key is what the flows were compared by, never ByAny.
	Key Key
	// Rows are the flows that differ: by their change, those that carried most
	// bytes first, and then by id.
	Rows []Row
	// Same is the number of flows that did not change.
	Same int
}

// Count returns the number of rows with a change.
func (r *Result) Count(c Change) int {
	n := 0
	for i := range r.Rows {
		if r.Rows[i].Change == c {
			n++
		}
	}
	return n
}

// Compare compares an earlier snapshot with a later one. The result refers to their
// flows.
func Compare(before, after *flow.Snapshot, key Key) *Result {
	c := NewMark(before, key).With(after)
	r := &Result{Key: c.Key()}
	for row := range c.Rows() {
		if row.Change == Same {
			r.Same++
			continue
		}
		r.Rows = append(r.Rows, row)
	}
	sortRows(r.Rows)
	return r
}

// sortRows sorts rows. It computes what they are sorted by once: of a million rows it
// would be computed twenty times each.
func sortRows(rows []Row) {
	type keyed struct {
		row    Row
		weight int64
		id     flow.ID
	}
	list := make([]keyed, len(rows))
	for i, row := range rows {
		list[i] = keyed{row, row.Weight(), row.Flow().ID}
	}
	slices.SortFunc(list, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.row.Change, b.row.Change), cmp.Compare(b.weight, a.weight), cmp.Compare(a.id, b.id))
	})
	for i := range list {
		rows[i] = list[i].row
	}
}

// Weight is what a row is sorted by: what it carried between the snapshots, or, if it
// went, what it had carried.
func (r *Row) Weight() int64 {
	if r.Change == Went {
		return int64(r.Before.Bytes())
	}
	return r.Bytes()
}

// place is a conversation at an interface, whoever began it. Trackers number their
// zones differently.
type place struct {
	tuple flow.Tuple
	at    string
}

func placeOf(s *flow.Snapshot, f *flow.Flow) place {
	p := place{tuple: f.Tuple}
	p.tuple.Zone = 0
	if compareEnds(p.tuple.Src, p.tuple.Dst) > 0 {
		p.tuple = p.tuple.Reverse()
	}
	if f.Tuple.Zone != 0 && int(f.In) < len(s.Interfaces) {
		p.at = s.Interfaces[f.In].Name
	}
	return p
}

func compareEnds(a, b flow.End) int {
	from, to := a.As16(), b.As16()
	return cmp.Or(bytes.Compare(from[:], to[:]), cmp.Compare(a.Port(), b.Port()))
}

// differs reports whether a flow carried or became something.
func differs(a, b *flow.Flow) bool {
	origin, reply := halves(a, b)
	return a.State != b.State || a.Invalid != b.Invalid || a.Related != b.Related || a.ClosedBy != b.ClosedBy ||
		a.OneSided != b.OneSided || halfDiffers(origin, &b.Origin) || halfDiffers(reply, &b.Reply)
}

func halfDiffers(a, b *flow.Half) bool {
	return a.Packets != b.Packets || a.Bytes != b.Bytes || a.Retransmits != b.Retransmits ||
		a.Reordered != b.Reordered || a.ZeroWindows != b.ZeroWindows
}
