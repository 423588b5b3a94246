package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/format"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// timeoutsCommand lists and changes the timeouts of the tracker that runs.
type timeoutsCommand struct {
	env    env
	on     onValue
	output output.Format
	audit  auditFlag

	verbose *bool
}

func newTimeoutsCommand(e env, verbose *bool) *cobra.Command {
	c := &timeoutsCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "timeouts [flags] [NAME=DURATION ...]",
		Short: "List or change the timeouts",
		Long: `List the timeouts of the running tracker: how long a flow may stay silent in a
state. With NAME=DURATION, change them for every flow at once and print the old and
new values, or with -o json, jsonl or csv all timeouts. A duration is written like
30s, 5m, 2h or 5d.`,
		Example:           "  ctop timeouts tcp_established=1h udp_unidirectional=30s",
		ValidArgsFunction: completeTimeouts,
		RunE:              c.run,
	}
	cmd.Flags().VarP(&c.output, "output", "o", "format of the list")
	cmd.Flags().Var(&c.on, "on", "the tracker's interfaces, if more than one runs")
	c.audit.register(cmd.Flags())
	return cmd
}

// setting is one timeout to be changed.
type setting struct {
	name  flow.TimeoutName
	value time.Duration
}

func (c *timeoutsCommand) run(cmd *cobra.Command, args []string) error {
	settings, err := parseSettings(args)
	if err != nil {
		return err
	}
	s := newSession(c.env, *c.verbose)
	return s.with(s.join(cmd.Context(), c.on), func(t *tracker.Tracker) error {
		return c.listOrSet(cmd.Context(), t, settings)
	})
}

func (c *timeoutsCommand) listOrSet(ctx context.Context, t *tracker.Tracker, settings []setting) error {
	s, err := t.Snapshot()
	if err != nil {
		return err
	}
	if len(settings) == 0 {
		return writeFailed(output.WriteTimeouts(c.env.stdout, c.output, s.Timeouts))
	}
	return c.set(ctx, t, settings, s.Timeouts)
}

// parseSettings reads all of them before any is made.
func parseSettings(args []string) ([]setting, error) {
	settings := make([]setting, len(args))
	for i, arg := range args {
		name, value, err := flow.ParseTimeout(arg)
		if err != nil {
			return nil, &flow.UsageError{Err: err}
		}
		settings[i] = setting{name, value}
	}
	return settings, nil
}

func (c *timeoutsCommand) set(ctx context.Context, t *tracker.Tracker, settings []setting, old flow.Timeouts) error {
	actor, end, err := c.env.acts(t, c.audit)
	if err != nil {
		return err
	}
	defer end()
	for _, s := range settings {
		if _, err := actor.Act(ctx, flow.TimeoutChange(s.name, s.value)); err != nil {
			return err
		}
		if err := c.env.printTimeout(c.output, s, old); err != nil {
			return err
		}
	}
	return c.env.printTimeouts(c.output, settings, old)
}

// printTimeout prints for people what a timeout was and is.
func (e env) printTimeout(f output.Format, s setting, old flow.Timeouts) error {
	if !forPeople(f) {
		return nil
	}
	return e.print(fmt.Sprintf("%-18s  %s → %s\n", s.name, format.Timeout(old[s.name]), format.Timeout(s.value)))
}

// printTimeouts prints for programs the timeouts that there are once some were
// changed.
func (e env) printTimeouts(f output.Format, changed []setting, old flow.Timeouts) error {
	if forPeople(f) {
		return nil
	}
	now := old // an array: a copy
	for _, s := range changed {
		now[s.name] = s.value
	}
	return writeFailed(output.WriteTimeouts(e.stdout, f, now))
}

func forPeople(f output.Format) bool { return f == output.Table || f == output.Wide }
