package output

import (
	"fmt"
	"strings"

	"ctop/internal/alert"
	"ctop/internal/format"
)

// Summary returns one line about the tracker and about what of it is shown, to
// stand beside a table.
func Summary(v View) string {
	if v.OfFleet() || len(v.Interfaces) == 0 {
		return fleetSummary(v)
	}
	shown := fmt.Sprintf("%s of %s", format.Plural(len(v.Flows), "flow"), format.Count(v.MaxFlows))
	if len(v.Rows) != len(v.Flows) {
		shown = format.Count(len(v.Rows)) + " shown, " + shown
	}
	parts := []string{
		v.Place(),
		v.Interfaces[0].Mode.String(), v.Policy.String(), shown,
		format.Plural(int(v.Counters.Packets), "packet"), format.Count(int(v.Counters.Dropped)) + " dropped",
	}
	if lost := v.Counters.EventsLost; lost > 0 {
		parts = append(parts, format.Plural(int(lost), "event")+" lost")
	}
	parts = append(parts, v.Warnings.Sentences()...)
	for i := range v.Alerts {
		parts = append(parts, alert.Text(&v.Alerts[i]))
	}
	return format.Clean(strings.Join(parts, ", "))
}

// fleetSummary returns a line about several hosts, whose flows may be a part of all.
func fleetSummary(v View) string {
	hosts := map[string]bool{}
	for i := range v.Interfaces {
		hosts[v.Interfaces[i].Host] = true
	}
	text := fmt.Sprintf("%s, %s, %s shown", v.Host, format.Plural(len(hosts), "host"), format.Plural(len(v.Rows), "flow"))
	if n := len(Conversations(v)); n > 0 {
		text += ", " + format.Plural(n, "conversation") + " seen at several hosts"
	}
	return format.Clean(text)
}
