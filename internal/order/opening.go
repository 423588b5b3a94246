package order

import (
	"net/netip"
	"slices"
)

// Opening describes which sources opened the recent flows.
type Opening struct {
	// Flows is the number of recent flows, Sources that of their sources.
	Flows, Sources int
	// Top are the most frequent sources, the busiest first. If no address
	// stands out, they are networks (see [BySourceNet]). If no network does
	// either, Top is empty.
	Top []Opener
}

// Opener is a source and the number of flows that it opened.
type Opener struct {
	Net   netip.Prefix
	Flows int
}

const (
	// standsOut is the smallest share of all flows, in percent, of a source in
	// Top.
	standsOut = 5
	// mostOpeners is the maximal length of Top.
	mostOpeners = 8
)

// NewOpening counts flows by source. sources has one element per flow.
func NewOpening(sources []netip.Addr) Opening {
	o := Opening{Flows: len(sources)}
	if o.Top, o.Sources = outstanding(sources, whole); len(o.Top) == 0 {
		o.Top, _ = outstanding(sources, site)
	}
	return o
}

// outstanding returns the groups that stand out, and the number of all groups.
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
