package main

import (
	"context"
	"fmt"
	"slices"
)

// part is one kind of measurement. The samples of its rows are taken in turn.
type part struct {
	name, title string
	measure     func(context.Context, Options) ([]Row, error)
	// slow parts are skipped in a quick run that does not name them.
	slow bool
}

func parts() []part {
	return []part{
		{name: "packet", title: "One packet (BPF_PROG_TEST_RUN, one CPU)", measure: packets},
		{name: "link", title: "Through the lab (iperf3, one second a sample)", measure: throughput},
		{name: "live", title: "The path itself (live frames, many flows)", measure: live},
		{name: "capture", title: "Packets of flows that nobody captures (live frames, one CPU)", measure: captures, slow: true},
		{name: "connect", title: "Connections opened and closed, four at a time", measure: connections, slow: true},
		{name: "host", title: "A machine's own traffic, while it is observed", measure: hosts, slow: true},
		{name: "budget", title: "What a connection of a watched machine costs, step by step", measure: budget, slow: true},
		{name: "names", title: "Names of sockets that were open before", measure: sockets, slow: true},
		{name: "event", title: "Events, ring buffer and tracker together", measure: eventRows},
		{name: "table", title: "Reading and sweeping a large table", measure: tables, slow: true},
		{name: "idle", title: "A tracker that nobody looks at", measure: idle, slow: true},
		{name: "frame", title: "The console", measure: frames, slow: true},
		{name: "key", title: "A key in the console", measure: keyPresses, slow: true},
		{name: "fleet", title: "A fleet: hub, console and hosts on one machine", measure: fleets, slow: true},
		{name: "pair", title: "A pair: two wires and a hub on one machine", measure: pairs, slow: true},
		{name: "pair-cost", title: "A pair: what it adds to a tracker", measure: costs, slow: true},
		{name: "pair-live", title: "A pair: live connections when a ctop is killed, and its wire is away", measure: moved, slow: true},
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// check refuses unknown names of parts.
func (o Options) check() error {
	for _, name := range o.Only {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("no part is called %q: use %v", name, partNames())
		}
	}
	return nil
}
