package main

import (
	"context"

	"github.com/spf13/cobra"

	"ctop/internal/filter"
	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
)

// fleetTarget is a fleet that a command reads and acts on.
type fleetTarget struct {
	client *client.Client
	env    env
	// hosts are those to read, all if there are none.
	hosts []string
	view  fleet.View
	// read is what was read last: it tells which host has a flow.
	read *flow.Snapshot
}

// narrow implements [narrower].
func (t *fleetTarget) narrow(to filter.Filter) { t.view.Filter = to.String() }

// snapshot implements [target]. A host that does not answer is said to be missing; the
// others are acted on.
func (t *fleetTarget) snapshot(ctx context.Context, _ bool) (*flow.Snapshot, error) {
	if len(t.hosts) > 0 {
		if err := checkHosts(ctx, t.client, t.hosts); err != nil {
			return nil, err
		}
	}
	all, err := t.client.Ask(ctx, t.view, t.hosts...)
	if err == nil && len(all.Flows) == 0 {
		err = checkFilter(ctx, t.client, t.view.Filter)
	}
	if err != nil {
		return nil, err
	}
	if trouble := all.Trouble(); trouble != "" && all.Hosts > 0 {
		t.env.note("%s: the others go on", trouble)
	} else if err := t.env.missing(all); err != nil {
		return nil, err
	}
	t.read = all.Snapshot
	return all.Snapshot, nil
}

// Act implements [flow.Actor]: each host gets an order for its own flows.
func (t *fleetTarget) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	hostOf := map[flow.Ref]string{}
	for i := range t.read.Flows {
		f := &t.read.Flows[i]
		hostOf[f.Ref()] = t.read.Interfaces[f.In].Host
	}
	return t.client.ActOn(ctx, act, t.hosts, func(ref flow.Ref) string { return hostOf[ref] })
}

// opener returns the opener of a command that acts on a fleet.
func (f *hubURL) opener(e env, hosts *[]string) opener {
	return func(_ context.Context, use func(target) error) error {
		return f.with(func(c *client.Client) error {
			t := &fleetTarget{client: c, env: e}
			if hosts != nil {
				t.hosts, t.view.Limit = *hosts, 1
			}
			return use(t)
		})
	}
}

func newFleetEndCommand(e env, kind flow.ActKind) *cobra.Command {
	which, hub := endFlags{kind: kind, fleet: true}, hubURL{}
	verb, what := "Delete the flows", "Deleting only forgets a flow, unless the host's policy is enforce."
	if kind == flow.ActReset {
		verb, what = "Reset the TCP connections", "Resetting ends a connection at both ends."
	}
	cmd := &cobra.Command{
		Use:   kind.String() + " [flags] FILTER",
		Short: verb + " that match a filter, on every host",
		Long: verb + ` that match a filter on every host that on: selects, and print
their number. ` + what + `
The operator's key signs what each host is to do with which flows, for half a minute;
the host checks that, writes it into its journal, does it once, and writes what became
of it. On a terminal it shows the flows and asks first.`,
		Example: "  ctop fleet " + kind.String() + " --url 127.0.0.1:4222 --creds ann.creds on:edge-* src:10.0.0.7",
		RunE:    which.run(e, hub.opener(e, nil)),
	}
	cmd.ValidArgsFunction = completeFilter
	which.register(cmd.Flags())
	hub.register(cmd.Flags())
	registerSick(cmd.Flags())
	return cmd
}

func newFleetTimeoutsCommand(e env) *cobra.Command {
	var (
		form timeoutFlags
		hub  hubURL
		host []string
	)
	run := form.run(e, hub.opener(e, &host))
	cmd := &cobra.Command{
		Use:               "timeouts [flags] [NAME=DURATION ...]",
		Short:             "List or change the timeouts of a host",
		Example:           "  ctop fleet timeouts --host edge-1 tcp_established=1h",
		ValidArgsFunction: completeTimeouts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(host) != 1 {
				return usagef("name one host, as in --host edge-1: ctop fleet hosts lists them")
			}
			return run(cmd, args)
		},
	}
	form.register(cmd.Flags())
	cmd.Flags().StringSliceVar(&host, "host", nil, "name of the `HOST`")
	hub.register(cmd.Flags())
	return cmd
}
