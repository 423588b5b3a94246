package main

import (
	"context"
	"time"

	"ctop/internal/fleet/client"
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

// fleetConsole shows a fleet until the operator quits.
func (e env) fleetConsole(ctx context.Context, c *client.Client, look consoleFlags) error {
	r, err := c.NewReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	reader := fleetReader{r}
	more := []ui.Option{ui.WithFleet(reader), ui.WithRole(c.Role())}
	if c.Operator() {
		more = append(more, ui.WithActor(r))
	}
	return e.runProgram(reader, ctx.Done(), look, more...)
}
