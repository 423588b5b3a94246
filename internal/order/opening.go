package order

import (
	"net/netip"
	"slices"
)

// Opening is who opens flows: of those that began a short while ago, which
// sources stand out.
type Opening struct {
	// Flows began, from so many Sources.
	Flows, Sources int
	// Top are the sources that stand out, the busiest first. Where no address
	// does they are networks (as [BySourceNet] has them); where no network does
	// there are none: the flows come from everywhere.
	Top []Opener
}

// Opener is a source and how many of the flows it opened.
type Opener struct {
	Net   netip.Prefix
	Flows int
}

const (
	// standsOut is the part of all flows, in percent, from which on a source
	// is worth a name.
	standsOut = 5
	// mostOpeners is how many are named.
	mostOpeners = 8
)

// NewOpening counts flows by the sources that opened them, one for each flow.
func NewOpening(sources []netip.Addr) Opening {
	o := Opening{Flows: len(sources)}
	if o.Top, o.Sources = outstanding(sources, whole); len(o.Top) == 0 {
		o.Top, _ = outstanding(sources, network)
	}
	return o
}

// outstanding returns the groups that stand out, and how many groups there are.
func outstanding(sources []netip.Addr, group func(netip.Addr) GroupKey) (top []Opener, groups int) {
	counts := map[netip.Prefix]int{}
	for _, a := range sources {
		counts[group(a).Net]++
	}
	for net, n := range counts {
		if 100*n >= standsOut*len(sources) {
			top = append(top, Opener{net, n})
		}
	}
	slices.SortFunc(top, func(a, b Opener) int {
		if a.Flows != b.Flows {
			return b.Flows - a.Flows
		}
		return a.Net.Addr().Compare(b.Net.Addr())
	})
	return top[:min(len(top), mostOpeners)], len(counts)
}
