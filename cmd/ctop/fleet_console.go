package main

import (
	"context"
	"fmt"
	"time"

	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
	"ctop/ui"
)

// fleetReader shows a fleet in the console.
type fleetReader struct{ *client.Reader }

// State implements [ui.Fleet].
func (r fleetReader) State() ui.FleetState {
	s := r.Reader.State()
	state := ui.FleetState{Flows: s.Flows, Matching: s.Matching}
	now, here, answered := time.Now(), false, false
	for _, h := range s.Hosts {
		state.Hosts = append(state.Hosts, ui.Host{
			Name: h.Name, State: stateOf(&h, now), Age: max(now.Sub(h.Heard), 0), Version: h.Version, Place: h.Place,
			Flows: h.Flows, MaxFlows: h.Max, Lost: h.Lost, Full: h.Full, Alarms: h.Alarms,
		})
		last := &state.Hosts[len(state.Hosts)-1]
		here, answered = here || last.Here(), answered || h.Answered
	}
	state.Asking = here && !answered
	return state
}

// Summaries implements [ui.Summarizer].
func (r fleetReader) Summaries() (list []ui.Summary, settled bool) {
	all, settled := r.Reader.Summaries()
	for _, s := range all {
		list = append(list, ui.Summary{Host: s.Host, Summary: s.Summary})
	}
	return list, settled
}

// Everywhere implements [ui.Searcher].
func (r fleetReader) Everywhere(ctx context.Context, of ui.Everywhere) (*flow.Snapshot, string, error) {
	tuples := []flow.Tuple{of.Flow.Tuple}
	if of.Other != nil {
		tuples = append(tuples, *of.Other)
	}
	all, err := r.Reader.Everywhere(ctx, tuples...)
	if err != nil {
		return nil, "", err
	}
	return all.Snapshot, all.Trouble(), nil
}

// viewerOf says why a viewer's key changes nothing.
func viewerOf(c *client.Client) error {
	return fmt.Errorf("the key %s is a viewer's, which only looks: ctop hub keys add operator NAME makes one that acts", c.Name())
}

// fleetConsole shows a fleet until the operator quits.
func (e env) fleetConsole(ctx context.Context, c *client.Client, look consoleFlags, more ...ui.Option) error {
	r, err := c.NewReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	reader := fleetReader{r}
	more = append(more, ui.WithFleet(reader), ui.WithRole(c.Role()))
	if c.Operator() {
		more = append(more, ui.WithActor(r))
	} else {
		more = append(more, ui.WithRefusal(func(ui.Attempt) error { return viewerOf(c) }))
	}
	return e.runProgram(reader, ctx.Done(), look, more...)
}
