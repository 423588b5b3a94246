package main

import (
	"context"
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
)

func newFleetEventsCommand(e env) *cobra.Command {
	which, hub := eventFlags{fleet: true}, hubURL{}
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Print a line for every state change of a flow, of every host",
		Long: `Print a line for every new flow, every state change and every end with its reason,
at every host that on: in the filter selects, until interrupted. Hosts apply the
filter and send nothing else. Of a host that has too much to tell, or is too far
away, a line says how many events were lost.`,
		Example: "  ctop fleet events --filter 'on:edge-* dport:443' -o jsonl",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(which.check(), e.checkStdout()); err != nil {
				return err
			}
			return hub.with(func(c *client.Client) error {
				return which.print(cmd.Context(), e, &fleetTarget{client: c, env: e, view: fleet.View{Filter: which.filter.String()}}, nil)
			})
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	which.register(flags)
	hub.register(flags)
	registerNames(flags)
	registerGeo(flags)
	return cmd
}

// events implements [target].
func (t *fleetTarget) events(ctx context.Context) iter.Seq2[flow.Event, error] {
	return t.client.Events(ctx, t.view.Filter)
}
