package metrics

import (
	"cmp"
	"slices"

	"ctop/tracker/flow"
)

// maxUnits is how many units have a metric of their own: those with the most flows. The
// flows of all others are of the unit "other", those of no unit of "none".
const maxUnits = 100

// units sends the number of flows of each unit.
func (x sender) units(s *flow.Snapshot) {
	for _, u := range countUnits(s.Flows) {
		x.gauge(x.unitFlows, float64(u.flows), u.name)
	}
}

type unit struct {
	name  string
	flows int
}

func countUnits(flows []flow.Flow) []unit {
	counts := map[string]int{}
	for i := range flows {
		name := "none"
		if p := flows[i].Holding.Owner(); p != nil && p.Unit != "" {
			name = p.Unit
		}
		counts[name]++
	}
	var list []unit
	for name, n := range counts {
		list = append(list, unit{name, n})
	}
	slices.SortFunc(list, func(a, b unit) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), cmp.Compare(a.name, b.name))
	})
	if len(list) <= maxUnits {
		return list
	}
	other := unit{name: "other"}
	for _, u := range list[maxUnits:] {
		other.flows += u.flows
	}
	return append(list[:maxUnits], other)
}
