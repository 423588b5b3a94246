package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// timeoutFlags say how to print timeouts.
type timeoutFlags struct{ output output.Format }

func (f *timeoutFlags) register(flags *pflag.FlagSet) {
	flags.VarP(&f.output, "output", "o", "format of the list")
}

func newTimeoutsCommand(e env, verbose *bool) *cobra.Command {
	var (
		form timeoutFlags
		join joinFlags
	)
	cmd := &cobra.Command{
		Use:   "timeouts [flags] [NAME=DURATION ...]",
		Short: "List or change the timeouts",
		Long: `List the timeouts of the running tracker: how long a flow may stay silent in a
state. With NAME=DURATION, change them for every flow at once and print the old and
new values, or with -o json, jsonl or csv all timeouts. A duration is written like
30s, 5m, 2h or 5d.`,
		Example:           "  ctop timeouts tcp_established=1h udp_unidirectional=30s",
		ValidArgsFunction: completeTimeouts,
		RunE:              form.run(e, join.opener(e, verbose)),
	}
	form.register(cmd.Flags())
	join.register(cmd.Flags())
	return cmd
}

// setting is one timeout to be changed.
type setting struct {
	name  flow.TimeoutName
	value time.Duration
}

// run returns the function that runs a timeouts command.
func (f *timeoutFlags) run(e env, open opener) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		settings, err := parseSettings(args)
		if err != nil {
			return err
		}
		return open(cmd.Context(), func(on target) error { return f.listOrSet(cmd.Context(), e, on, settings) })
	}
}

func (f *timeoutFlags) listOrSet(ctx context.Context, e env, on target, settings []setting) error {
	s, err := on.snapshot(ctx, false)
	if err != nil {
		return err
	}
	if len(settings) == 0 {
		return writeFailed(output.WriteTimeouts(e.stdout, f.output, s.Timeouts))
	}
	for _, set := range settings {
		if _, err := on.Act(ctx, flow.TimeoutChange(set.name, set.value)); err != nil {
			return err
		}
		if err := e.printTimeout(f.output, set, s.Timeouts); err != nil {
			return err
		}
	}
	return e.printTimeouts(f.output, settings, s.Timeouts)
}

// parseSettings parses all settings before any of them is applied.
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

// printTimeout prints the old and the new value of a timeout, for people.
func (e env) printTimeout(f output.Format, s setting, old flow.Timeouts) error {
	if !forPeople(f) {
		return nil
	}
	return e.print(fmt.Sprintf("%-18s  %s → %s\n", s.name, format.Timeout(old[s.name]), format.Timeout(s.value)))
}

// printTimeouts prints all timeouts after a change, for programs.
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
