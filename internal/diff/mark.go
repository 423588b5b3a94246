package diff

import (
	"iter"
	"slices"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// Mark is a snapshot with which others are compared, again and again. It is safe for
// concurrent use.
type Mark struct {
	snapshot *flow.Snapshot
	key      Key
	// places returns the index by id or by tuple, which is made when it is needed.
	byID    func() map[flow.ID]uint32
	byPlace func() map[place]uint32
}

// NewMark returns a mark. The snapshot must not be changed afterwards.
func NewMark(s *flow.Snapshot, key Key) *Mark {
	return &Mark{
		snapshot: s, key: key,
		byID: sync.OnceValue(func() map[flow.ID]uint32 {
			return indexOf(s, func(f *flow.Flow) flow.ID { return f.ID })
		}),
		byPlace: sync.OnceValue(func() map[place]uint32 {
			return indexOf(s, func(f *flow.Flow) place { return placeOf(s, f) })
		}),
	}
}

// indexOf finds flows by a key. Of several with one key, which no tracker has, the last
// one counts.
func indexOf[K comparable](s *flow.Snapshot, key func(*flow.Flow) K) map[K]uint32 {
	at := make(map[K]uint32, len(s.Flows))
	for i := range s.Flows {
		at[key(&s.Flows[i])] = uint32(i)
	}
	return at
}

// Time returns when the marked snapshot was taken, zero if it does not say so.
func (m *Mark) Time() time.Time { return m.snapshot.Time }

// With compares the mark with another snapshot. The one that was taken first is the
// earlier one.
func (m *Mark) With(s *flow.Snapshot) *Comparison {
	c := &Comparison{mark: m, with: s, key: m.key, reversed: s.Time.Before(m.snapshot.Time) && !s.Time.IsZero()}
	if c.key == ByAny {
		if c.key = ByTuple; m.sharesID(s) {
			c.key = ByID
		}
	}
	return c
}

// sharesID reports whether a flow is in both snapshots.
func (m *Mark) sharesID(s *flow.Snapshot) bool {
	ids := m.byID()
	return slices.ContainsFunc(s.Flows, func(f flow.Flow) bool {
		_, shared := ids[f.ID]
		return shared
	})
}

// Comparison is a mark beside another snapshot.
type Comparison struct {
	mark *Mark
	with *flow.Snapshot
	key  Key
	// reversed is set if the mark is the later one.
	reversed bool
}

// Key returns what the flows are compared by, never ByAny.
func (c *Comparison) Key() Key { return c.key }

// find returns the index of a flow in the mark.
func (c *Comparison) find(s *flow.Snapshot, f *flow.Flow) (at uint32, ok bool) {
	if c.key == ByID {
		at, ok = c.mark.byID()[f.ID]
	} else {
		at, ok = c.mark.byPlace()[placeOf(s, f)]
	}
	return at, ok
}

// Row returns what became of a flow of the snapshot.
func (c *Comparison) Row(f *flow.Flow) Row {
	if at, ok := c.find(c.with, f); ok {
		return c.row(&c.mark.snapshot.Flows[at], f)
	}
	return c.row(nil, f)
}

// row returns what became of a flow of the mark, which is one of the snapshot now.
func (c *Comparison) row(marked, now *flow.Flow) Row {
	r := Row{Change: Changed, Before: marked, After: now}
	if c.reversed {
		r.Before, r.After = now, marked
	}
	switch {
	case r.Before == nil:
		r.Change = Came
	case r.After == nil:
		r.Change = Went
	case !differs(r.Before, r.After):
		r.Change = Same
	}
	return r
}

// Rows returns all flows: those of the snapshot in its order, and then those that only
// the mark has.
func (c *Comparison) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		flows := c.mark.snapshot.Flows
		seen := make([]bool, len(flows))
		for i := range c.with.Flows {
			f := &c.with.Flows[i]
			var marked *flow.Flow
			if at, ok := c.find(c.with, f); ok && !seen[at] {
				marked, seen[at] = &flows[at], true
			}
			if !yield(c.row(marked, f)) {
				return
			}
		}
		for i := range flows {
			at, _ := c.find(c.mark.snapshot, &flows[i])
			if int(at) == i && !seen[i] && !yield(c.row(&flows[i], nil)) {
				return
			}
		}
	}
}

// Here returns what makes flows of the mark refer to the interfaces of the snapshot, by
// their names. It copies the flows that it must change.
func (c *Comparison) Here() func(*flow.Flow) *flow.Flow {
	before, now := c.mark.snapshot.Names(), c.with.Names()
	if slices.Equal(before, now) {
		return func(f *flow.Flow) *flow.Flow { return f }
	}
	to := make([]uint16, len(before))
	for i, name := range before {
		to[i] = uint16(len(now)) // the snapshot has no such interface
		if at := slices.Index(now, name); at >= 0 {
			to[i] = uint16(at)
		}
	}
	return func(f *flow.Flow) *flow.Flow {
		moved := *f
		if moved.NAT = 0; int(f.In) < len(to) {
			moved.In = to[f.In]
		}
		return &moved
	}
}
