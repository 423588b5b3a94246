package main

import (
	"context"
	"fmt"
	"slices"
)

// part is one kind of measurement, whose rows are taken in turn.
type part struct {
	name, title string
	measure     func(context.Context, Options) ([]Row, error)
}

func parts() []part {
	return []part{
		{"packet", "One packet (BPF_PROG_TEST_RUN, one CPU)", packets},
		{"link", "Through the lab (iperf3, one second a sample)", throughput},
		{"live", "The path itself (live frames, many flows)", live},
		{"connect", "Connections opened and closed, four at a time", connections},
		{"event", "Events, ring buffer and tracker together", eventRows},
		{"table", "Reading and sweeping a large table", tables},
		{"frame", "The console", frames},
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// check refuses names that no part has.
func (o Options) check() error {
	for _, name := range o.Only {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("no part is called %q: use %v", name, partNames())
		}
	}
	return nil
}
