package client

import (
	"errors"
	"maps"
	"slices"

	"ctop/internal/fleet"
	"ctop/internal/order"
)

// Summary is what a host says of all its flows.
type Summary struct {
	Host string
	order.Summary
}

// Summaries returns what the hosts say of their flows, in the order of their names, and whether
// they have had time to say it. Hosts are asked as long as it is called.
func (r *Reader) Summaries() (list []Summary, settled bool) {
	all, settled := r.summaries.Read(fleet.Watch{Kind: fleet.WatchSummary})
	for _, host := range slices.Sorted(maps.Keys(all)) {
		list = append(list, Summary{host, all[host]})
	}
	return list, settled
}

// Talk groups the flows of all hosts that pass a filter, in hosts' parts, of which hosts is the
// number. Those that were asked for are exact. Hosts are asked as long as it is called.
func (r *Reader) Talk(want order.GroupRequest, asked []order.GroupKey) (groups order.Groups, hosts int, settled bool) {
	w := fleet.Watch{Kind: fleet.WatchGroups, View: fleet.View{Filter: want.Filter.String()}}
	if !parses(w.View) {
		return order.Groups{GroupRequest: want}, 0, true
	}
	w.Groups = fleet.NewGroupView(want, len(r.client.Known()), asked)
	all, settled := r.groups.Read(w)
	var parts []order.Part
	for _, host := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, all[host])
	}
	return order.Together(want, parts, asked[:min(len(asked), fleet.MaxAsked)]), len(parts), settled
}

var errGrouping = errors.New("groups of a host: it is another grouping")

func decodeGroups(w fleet.Watch, text []byte) (order.Part, error) {
	by, ok := order.ParseGrouping(w.Groups.Grouping)
	if !ok {
		return order.Part{}, errGrouping
	}
	return fleet.DecodeGroups(text, by)
}

func decodeSummary(_ fleet.Watch, text []byte) (order.Summary, error) {
	return fleet.DecodeSummary(text)
}
