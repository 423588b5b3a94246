// Package order filters and sorts the flows of a snapshot. This is the only
// work of the console that grows with the table. It runs outside the program's
// loop and only reads immutable data.
package order

import (
	"fmt"
	"strings"
	"time"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// By is an order of flows. Equal flows are sorted in both directions the same way:
// quiet ones below the others, by their last packet, and else by ID, so that their
// rows do not move. The zero value sorts by ID.
type By struct {
	// Key is the name of the compared field.
	Key  string
	Desc bool
	// Packets makes rates count packets instead of bits.
	Packets bool
}

// Keys returns all sort keys.
func Keys() []string {
	var names []string
	for _, f := range field.All() {
		if f.Sortable() {
			names = append(names, f.Name)
		}
	}
	return names
}

// Expected returns the default order for a key: descending for numbers,
// ascending otherwise.
func Expected(key string) By {
	f, ok := field.Named(key)
	return By{Key: key, Desc: ok && f.LargestFirst() || key == ByDelta}
}

// Parse parses KEY, KEY:asc or KEY:desc. It accepts earlier spellings of keys.
func Parse(text string) (By, error) {
	name, direction, given := strings.Cut(text, ":")
	f, ok := field.Key(name)
	if !ok || !f.Sortable() {
		return By{}, fmt.Errorf("no key is called %q: use %s", name, strings.Join(Keys(), ", "))
	}
	by := Expected(f.Name)
	if !given {
		return by, nil
	}
	if direction != ascending && direction != descending {
		return By{}, fmt.Errorf("%q is not a direction: write %s:asc or %s:desc", direction, name, name)
	}
	by.Desc = direction == descending
	return by, nil
}

// The directions of an order.
const (
	ascending  = "asc"
	descending = "desc"
)

// String formats the order for [Parse].
func (by By) String() string {
	if by.Desc {
		return by.Key + ":" + descending
	}
	return by.Key + ":" + ascending
}

// item is a flow's rank and ID, so that a comparison does not read the flow. It
// contains no pointer, so moving it needs no write barrier.
type item struct {
	// hi, lo and sub are those of a [field.Rank], side by side with at.
	hi, lo uint64
	id     flow.ID
	// silent is how long a quiet flow has been silent, 0 for other flows.
	silent time.Duration
	sub    uint32
	// at is the index of the flow in the snapshot. Ended flows follow after the
	// last one.
	at uint32
}

// ranker creates the items of an order.
type ranker struct {
	rank func(*flow.Flow) field.Rank
	desc bool
	// quiet is set if quiet flows sink.
	quiet bool
}

// quietFrom is the silence from which on a flow is quiet. The last packets of busier
// flows say nothing, and would make rows change places.
const quietFrom = 5 * time.Second

func (by By) ranker() ranker {
	r := ranker{rank: func(*flow.Flow) field.Rank { return field.Rank{} }, desc: by.Desc}
	if f, ok := field.Named(by.Key); ok && f.Sortable() {
		r.rank, r.quiet = f.Ranking(by.Packets), true
	}
	return r
}

func (r *ranker) item(f *flow.Flow, at int) item {
	rank := r.rank(f)
	if r.desc {
		rank = rank.Reverse()
	}
	it := item{hi: rank.Hi, lo: rank.Lo, sub: rank.Sub, id: f.ID, at: uint32(at)}
	if r.quiet && f.Idle >= quietFrom {
		it.silent = f.Idle
	}
	return it
}

func less(a, b item) int {
	switch {
	case a.hi != b.hi:
		return sign(a.hi < b.hi)
	case a.lo != b.lo:
		return sign(a.lo < b.lo)
	case a.sub != b.sub:
		return sign(a.sub < b.sub)
	case a.silent != b.silent:
		return sign(a.silent < b.silent)
	case a.id != b.id:
		return sign(a.id < b.id)
	}
	return 0
}

func sign(isLess bool) int {
	if isLess {
		return -1
	}
	return 1
}
