package order

import (
	"cmp"
	"slices"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// Group holds the totals of a group's flows.
type Group struct {
	Key   GroupKey
	Flows int
	// Origin and Reply are the totals of the two directions.
	Origin, Reply flow.Half
}

func (g *Group) add(f *flow.Flow, turned bool) {
	g.Flows++
	origin, reply := &f.Origin, &f.Reply
	if turned {
		origin, reply = reply, origin
	}
	addHalf(&g.Origin, origin)
	addHalf(&g.Reply, reply)
}

func addHalf(sum, h *flow.Half) {
	sum.Packets += h.Packets
	sum.Bytes += h.Bytes
	sum.PPS += h.PPS
	sum.BPS += h.BPS
}

// GroupSort is the column by which groups are sorted.
type GroupSort uint8

// The columns of the talkers page.
const (
	GroupName GroupSort = iota
	GroupFlows
	GroupPackets
	GroupBytes
	GroupOut
	GroupIn
	GroupRate
	NumGroupSorts
)

// GroupBy is an order of groups.
type GroupBy struct {
	Sort GroupSort
	Desc bool
	// Packets makes rates count packets instead of bits.
	Packets bool
}

// Value returns the value of the sort column, from which shares are computed.
// For names it is the number of flows.
func (by GroupBy) Value(g *Group) float64 {
	switch by.Sort {
	case GroupPackets:
		return float64(g.Origin.Packets + g.Reply.Packets)
	case GroupBytes:
		return float64(g.Origin.Bytes + g.Reply.Bytes)
	case GroupOut:
		return by.rate(&g.Origin)
	case GroupIn:
		return by.rate(&g.Reply)
	case GroupRate:
		return by.rate(&g.Origin) + by.rate(&g.Reply)
	}
	return float64(g.Flows)
}

func (by GroupBy) rate(h *flow.Half) float64 {
	if by.Packets {
		return h.PPS
	}
	return h.BPS
}

func (by GroupBy) compare(a, b *Group) int {
	c := 0
	if by.Sort != GroupName {
		c = cmp.Compare(by.Value(a), by.Value(b))
	}
	names := cmp.Or(a.Key.Net.Addr().Compare(b.Key.Net.Addr()), a.Key.Peer.Compare(b.Key.Peer), cmp.Compare(a.Key.Number, b.Key.Number), cmp.Compare(a.Key.Text, b.Key.Text))
	switch {
	case by.Sort == GroupName && by.Desc:
		return -names
	case by.Desc:
		return cmp.Or(-c, names)
	}
	return cmp.Or(c, names)
}

// GroupRequest is the input of Talk.
type GroupRequest struct {
	Snapshot *flow.Snapshot
	Filter   filter.Filter
	Grouping Grouping
	// Nets are the widths of networks, [DefaultNets] if zero.
	Nets Nets
	By   GroupBy
}

// Groups is the output of Talk.
type Groups struct {
	GroupRequest
	// Top are the first groups in order. All is the number of all groups.
	Top []Group
	All int
	// Sum is the total of all groups.
	Sum Group
	// Over is how much more groups of several hosts may have, Unnamed how much one may have
	// that no host named. Without hosts everything is exact.
	Over    map[GroupKey]Bounds
	Unnamed Bounds
}

// MostGroups is the maximal length of Top.
const MostGroups = 1000

// Talk groups and counts the flows that match the filter. The result's snapshot has no
// flows, and no flow stays in memory for it.
func Talk(r GroupRequest) Groups {
	if r.Nets == (Nets{}) {
		r.Nets = DefaultNets
	}
	result := Groups{GroupRequest: r}
	groups := result.count()
	result.All = len(groups)
	result.Top = top(groups, MostGroups, func(a, b Group) int { return r.By.compare(&a, &b) })
	result.Snapshot = withoutFlows(r.Snapshot)
	return result
}

func (g *Groups) count() []Group {
	var groups []Group
	index := map[GroupKey]int{}
	wanted := g.Filter.For(g.Snapshot)
	for i := range g.Snapshot.Flows {
		f := &g.Snapshot.Flows[i]
		if !wanted.Match(f) {
			continue
		}
		g.Sum.add(f, false)
		keys, turned, n := g.Grouping.keys(f, g.Nets)
		for i, k := range keys[:n] {
			at, known := index[k]
			if !known {
				at = len(groups)
				index[k] = at
				groups = append(groups, Group{Key: k})
			}
			groups[at].add(f, turned[i])
		}
	}
	return groups
}

// top returns the first n elements of a list in order. It sorts at most 2n
// elements at a time, so the cost per element is small for a long list.
func top(groups []Group, n int, compare func(a, b Group) int) []Group {
	best := make([]Group, 0, min(len(groups), 2*n))
	sorted := false // the first n are, and what is behind best[n-1] is out
	for i := range groups {
		if len(best) == 2*n {
			slices.SortFunc(best, compare)
			best, sorted = best[:n], true
		}
		if !sorted || compare(groups[i], best[n-1]) < 0 {
			best = append(best, groups[i])
		}
	}
	slices.SortFunc(best, compare)
	return slices.Clip(best[:min(n, len(best))])
}
