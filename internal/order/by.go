// Package order filters and sorts the flows of a snapshot. It is the one part
// of the console whose work grows with the table, so it runs outside the
// program's loop and only reads what never changes.
package order

import (
	"fmt"
	"strings"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// By is an order of flows. Ties are broken by the flow's id, the same way in
// both directions, so that rows which are alike keep their places. The zero value
// is the order of the ids.
type By struct {
	// Key is the name of the field that is compared.
	Key  string
	Desc bool
	// Packets makes rates count packets, not bits.
	Packets bool
}

// Keys returns the keys that flows can be sorted by.
func Keys() []string {
	var names []string
	for _, f := range field.All() {
		if f.Sortable() {
			names = append(names, f.Name)
		}
	}
	return names
}

// Expected returns the order that one expects by a key: the largest number first,
// anything else from the smallest on.
func Expected(key string) By {
	f, ok := field.Named(key)
	return By{Key: key, Desc: ok && f.LargestFirst()}
}

// Parse reads KEY, KEY:asc or KEY:desc. The key may have an earlier spelling.
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

// The directions.
const (
	ascending  = "asc"
	descending = "desc"
)

// String returns the order as [Parse] reads it.
func (by By) String() string {
	if by.Desc {
		return by.Key + ":" + descending
	}
	return by.Key + ":" + ascending
}

// item is a flow with its rank worked out, so that comparing two of them
// touches no flow. It holds no pointer, so that moving one costs the garbage
// collector nothing.
type item struct {
	rank field.Rank
	id   flow.ID
	// at is where the flow is: in the snapshot, or behind it among those that
	// ended.
	at uint32
}

// ranker makes the items of an order.
type ranker struct {
	rank func(*flow.Flow) field.Rank
	desc bool
}

func (by By) ranker() ranker {
	r := ranker{rank: func(*flow.Flow) field.Rank { return field.Rank{} }, desc: by.Desc}
	if f, ok := field.Named(by.Key); ok && f.Sortable() {
		r.rank = f.Ranking(by.Packets)
	}
	return r
}

func (r *ranker) item(f *flow.Flow, at int) item {
	it := item{rank: r.rank(f), id: f.ID, at: uint32(at)}
	if r.desc {
		it.rank = it.rank.Reverse()
	}
	return it
}

func less(a, b item) int {
	switch {
	case a.rank.Hi != b.rank.Hi:
		return sign(a.rank.Hi < b.rank.Hi)
	case a.rank.Lo != b.rank.Lo:
		return sign(a.rank.Lo < b.rank.Lo)
	case a.rank.Sub != b.rank.Sub:
		return sign(a.rank.Sub < b.rank.Sub)
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
