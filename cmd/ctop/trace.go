package main

import (
	"context"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// runTrace attaches a tracker and prints its verdict on every packet whose flow
// passes the filter, until it is interrupted or --for is over.
func (c *rootCommand) runTrace(cmd *cobra.Command, args []string) error {
	if running, err := tracker.Running(); err == nil && len(running) == 1 && len(args) == 0 {
		args = running[0] // which says why it cannot be traced
	}
	interfaces, err := form("ctop --trace ''").place(args, c.tracker.watch)
	if err != nil {
		return err
	}
	if c.dump || c.tracker.keep {
		return usagef("--trace does not work with --dump or --keep: leave them out")
	}
	if err := filter.Filter(c.trace).CheckTraces(); err != nil {
		return usagef("--trace: %w", err)
	}
	if err := checkInterfaces(interfaces); err != nil {
		return err
	}
	if err := c.env.checkStdout(); err != nil {
		return err
	}
	var watch durationValue
	if given(cmd, "for") {
		watch = c.watch
	}
	s, o := newSession(c.env, c.verbose), c.tracker.options(c.env, interfaces)
	o.Trace = true
	return s.with(s.open(cmd.Context(), o), func(t *tracker.Tracker) error {
		// The time begins after attaching.
		ctx, cancel := watch.bound(cmd.Context())
		defer cancel()
		return c.streamTraces(ctx, t)
	})
}

func (c *rootCommand) streamTraces(ctx context.Context, t *tracker.Tracker) error {
	// Flows expire only while a collector runs.
	collector := startCollector(ctx, tracker.NewCollector(t, tracker.CollectorOptions{EventLog: 1}))
	defer collector.stop()
	in := t.Interfaces()
	wanted := filter.Filter(c.trace).On(in)
	return stream[flow.Trace]{
		from: t.Traces, there: collector.ended,
		format: func(line []byte, trace *flow.Trace) []byte {
			if !showsTrace(wanted, trace) {
				return line
			}
			return output.AppendTrace(line, c.view.output, trace, in)
		},
	}.print(ctx, c.env.stdout)
}

// showsTrace reports whether a trace matches a filter. Reports of lost traces always
// do.
func showsTrace(wanted filter.Filter, trace *flow.Trace) bool {
	return trace.Lost != 0 || wanted.Empty() || wanted.Match(trace.Matching())
}
