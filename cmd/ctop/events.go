package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// eventFlags say which events to print, and how.
type eventFlags struct {
	output output.Format
	watch  durationValue
	filter filterValue
	// fleet is set if the events are those of a fleet.
	fleet bool
}

func (f *eventFlags) register(flags *pflag.FlagSet) {
	flags.VarP(&f.output, "output", "o", "format of the lines (json is the same as jsonl)")
	flags.Var(&f.watch, "for", "how long to print, 0s until interrupted")
	flags.Var(&f.filter, "filter", "flows to report, by the fields that an event has")
}

// check refuses a filter that asks for what events do not have.
func (f *eventFlags) check() error {
	check := filter.Filter(f.filter).CheckEvents
	if f.fleet {
		check = filter.Filter(f.filter).CheckFleetEvents
	}
	if err := check(); err != nil {
		return usagef("--filter: %w", err)
	}
	return nil
}

// checkOn refuses a filter that asks for an interface that the tracker does not have.
func (f *eventFlags) checkOn(names []string) error {
	var s flow.Snapshot
	for _, name := range names {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: name})
	}
	if err := filter.Filter(f.filter).Check(&s); err != nil {
		return usagef("--filter: %w", err)
	}
	return nil
}

// print prints the events of a target until ctx is done, --for is over or nobody
// reads them any more. there fails when the target is gone.
func (f *eventFlags) print(ctx context.Context, e env, on target, there func() error) error {
	ctx, cancel := f.watch.bound(ctx)
	defer cancel()
	wanted := filter.Filter(f.filter)
	return stream[flow.Event]{
		head: output.EventHeader(f.output), from: on.events, there: there,
		format: func(line []byte, e *flow.Event) []byte {
			if !tells(wanted, e) {
				return line
			}
			return output.AppendEvent(line, f.output, e)
		},
	}.print(ctx, e.stdout)
}

// eventsCommand prints the events of a tracker as they come.
type eventsCommand struct {
	env     env
	tracker trackerFlags
	which   eventFlags
	names   trafficValue
	verbose *bool
}

func newEventsCommand(e env, verbose *bool) *cobra.Command {
	c := &eventsCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "events [flags] [IF1 [IF2]]",
		Short: "Print a line for every state change of a flow",
		Long: `Print a line for every new flow, every state change and every end with its
reason, until interrupted. It reads a running tracker without disturbing it. If
none runs, it attaches one between the interfaces, or watches the one that is named,
and detaches it at the end.

If events are lost because this reader is too slow, a line says how many.`,
		ValidArgsFunction: completeInterfaces,
		RunE:              c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	c.which.register(flags)
	c.tracker.register(flags)
	registerSick(flags)
	c.names.register(flags)
	registerNames(flags)
	registerGeo(flags)
	return cmd
}

func (c *eventsCommand) run(cmd *cobra.Command, args []string) error {
	names, err := form("ctop events").placeOrNone(args, c.tracker.watch)
	if err != nil {
		return err
	}
	if err := errors.Join(c.which.check(), c.env.checkStdout()); err != nil {
		return err
	}
	ctx := cmd.Context()
	s := newSession(c.env, *c.verbose).askedBy(cmd)
	s.names = c.names.namesValue
	return s.with(s.joinOrOpen(ctx, "ctop events", names, &c.tracker), func(t *tracker.Tracker) error {
		// Flows expire only while a collector runs.
		if err := c.which.checkOn(t.Interfaces()); err != nil {
			return err
		}
		there, stop := watched(ctx, t, rateInterval)
		defer stop()
		return c.which.print(ctx, c.env, &joined{Tracker: t, env: c.env}, there)
	})
}

// tells reports whether to print an event: its flow passes the filter, or it says
// that events were lost.
func tells(wanted filter.Filter, e *flow.Event) bool {
	return wanted.Empty() || e.Type == flow.EventLost || wanted.MatchEvent(e)
}
