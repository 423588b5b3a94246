package order

import (
	"cmp"
	"math"

	"ctop/tracker/flow"
)

// Bounds has a number for each measure of groups: those of rates in bits, and in packets.
type Bounds [2][NumGroupSorts]float64

// Of returns the number for the measure of an order.
func (b *Bounds) Of(by GroupBy) float64 {
	if by.Packets {
		return b[1][by.Sort]
	}
	return b[0][by.Sort]
}

// include makes each number at least that of a group. They are whole, so that sums and
// differences of them are exact.
func (b *Bounds) include(g *Group) {
	for packets := range b {
		for sort := range b[packets] {
			by := GroupBy{Sort: GroupSort(sort), Packets: packets == 1}
			b[packets][sort] = max(b[packets][sort], math.Ceil(by.Value(g)))
		}
	}
}

// add adds numbers, or takes them away.
func (b *Bounds) add(more *Bounds, times float64) {
	for packets := range b {
		for sort := range b[packets] {
			b[packets][sort] += times * more[packets][sort]
		}
	}
}

// Part is what one of several hosts says of its groups: the first of them.
type Part struct {
	// Top are the first groups, and those that were asked for. Interfaces have their name
	// as a text: each host numbers them in its own way.
	Top []Group
	// All is the number of all groups, Sum the total of all flows.
	All int
	Sum Group
	// Left is the most that any group has that is not in Top.
	Left Bounds
}

// FirstGroups returns the first n groups of a snapshot, and those with some keys.
func FirstGroups(r GroupRequest, n int, also []GroupKey) Part {
	if r.Nets == (Nets{}) {
		r.Nets = DefaultNets
	}
	all := Groups{GroupRequest: r}
	groups := all.count()
	if r.Grouping == ByInterface {
		groups = byInterfaceName(groups, r.Snapshot)
	}
	p := Part{All: len(groups), Sum: all.Sum}
	p.Top = top(groups, n, func(a, b Group) int { return r.By.compare(&a, &b) })
	in := make(map[GroupKey]bool, len(p.Top)+len(also)) // whether it is in Top already
	for _, k := range also {
		in[k] = false
	}
	for i := range p.Top {
		in[p.Top[i].Key] = true
	}
	for i := range groups {
		g := &groups[i]
		switch there, wanted := in[g.Key]; {
		case there:
		case wanted:
			p.Top = append(p.Top, *g)
		default:
			p.Left.include(g)
		}
	}
	return p
}

// byInterfaceName names the groups of interfaces.
func byInterfaceName(groups []Group, s *flow.Snapshot) []Group {
	at := map[GroupKey]int{}
	var named []Group
	for i := range groups {
		k := GroupKey{Text: cmp.Or(ByInterface.Name(groups[i].Key, s), "none")}
		if _, known := at[k]; !known {
			at[k] = len(named)
			named = append(named, Group{Key: k})
		}
		named[at[k]].plus(&groups[i])
	}
	return named
}

// plus adds what another group has.
func (g *Group) plus(more *Group) {
	g.Flows += more.Flows
	addHalf(&g.Origin, &more.Origin)
	addHalf(&g.Reply, &more.Reply)
}

// Together returns the groups of several hosts. A host that did not name a group may still
// have a part of it, of any measure no more than the most that it left out, and nothing if it
// was asked for the group.
func Together(r GroupRequest, parts []Part, asked []GroupKey) Groups {
	result := Groups{GroupRequest: r, Over: map[GroupKey]Bounds{}}
	exact := make(map[GroupKey]bool, len(asked))
	for _, k := range asked {
		exact[k] = true
	}
	at := map[GroupKey]int{}
	var groups []Group
	for i := range parts {
		p := &parts[i]
		result.Sum.plus(&p.Sum)
		result.Unnamed.add(&p.Left, 1)
		result.All = max(result.All, p.All)
		for j := range p.Top {
			g := &p.Top[j]
			if _, known := at[g.Key]; !known {
				at[g.Key] = len(groups)
				groups = append(groups, Group{Key: g.Key})
			}
			groups[at[g.Key]].plus(g)
		}
	}
	result.All = max(result.All, len(groups))
	over := make([]Bounds, len(groups))
	for i := range over {
		over[i] = result.Unnamed
	}
	for i := range parts { // who names a group left nothing of it out
		for j := range parts[i].Top {
			over[at[parts[i].Top[j].Key]].add(&parts[i].Left, -1)
		}
	}
	for k, i := range at {
		if over[i] != (Bounds{}) && !exact[k] {
			result.Over[k] = over[i]
		}
	}
	result.Top = top(groups, MostGroups, func(a, b Group) int { return r.By.compare(&a, &b) })
	if r.Snapshot != nil {
		result.Snapshot = withoutFlows(r.Snapshot)
	}
	return result
}
