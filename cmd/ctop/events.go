package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/filter"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// eventsCommand prints the events of a tracker as they come.
type eventsCommand struct {
	env     env
	tracker trackerFlags
	output  output.Format
	watch   durationValue
	filter  filterValue
	verbose *bool
}

func newEventsCommand(e env, verbose *bool) *cobra.Command {
	c := &eventsCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "events [flags] [IF1 IF2]",
		Short: "Print a line for every state change of a flow",
		Long: `Print a line for every new flow, every state change and every end with its
reason, until interrupted. It reads a running tracker without disturbing it. If
none runs, it attaches one between the interfaces and detaches it at the end.

If events are lost because this reader is too slow, a line says how many.`,
		ValidArgsFunction: completeInterfaces,
		RunE:              c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.VarP(&c.output, "output", "o", "format of the lines (json is the same as jsonl)")
	flags.Var(&c.watch, "for", "how long to print, 0s until interrupted")
	flags.Var(&c.filter, "filter", "flows to report, by the fields that an event has")
	c.tracker.register(flags)
	return cmd
}

func (c *eventsCommand) run(cmd *cobra.Command, args []string) error {
	names, err := form("ctop events").pairOrNone(args)
	if err != nil {
		return err
	}
	if err := c.env.checkStdout(); err != nil {
		return err
	}
	ctx := cmd.Context()
	s := newSession(c.env, *c.verbose).askedBy(cmd)
	return s.with(s.joinOrOpen(ctx, "ctop events", names, &c.tracker), func(t *tracker.Tracker) error {
		ctx, cancel := c.watch.bound(ctx)
		defer cancel()
		return c.stream(ctx, t)
	})
}

// stream prints events until ctx is done or nobody reads them any more.
func (c *eventsCommand) stream(ctx context.Context, t *tracker.Tracker) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Flows expire only where somebody sweeps.
	there, stop := watched(ctx, t, rateInterval)
	defer stop()
	go endWith(ctx, cancel, there)
	lines := newLineWriter(c.env.stdout, cancel)
	defer func() { _ = lines.stop() }() // told below, where there is somebody to tell
	if err := lines.write([]byte(output.EventHeader(c.output))); err != nil {
		return writeFailed(err)
	}
	wanted := filter.Filter(c.filter)
	var line []byte
	for event, err := range t.Events(ctx) {
		if err != nil && ctx.Err() == nil {
			return errors.Join(err, writeFailed(lines.stop()))
		}
		if err != nil {
			break
		}
		if !tells(wanted, &event) {
			continue
		}
		line = output.AppendEvent(line[:0], c.output, &event)
		if err := lines.write(line); err != nil {
			return writeFailed(err)
		}
	}
	return endOf(ctx, lines)
}

// endOf writes what is left, and returns why lines ended before they were to.
func endOf(ctx context.Context, lines *lineWriter) error {
	if err := writeFailed(lines.stop()); err != nil {
		return err
	}
	if gone := context.Cause(ctx); !errors.Is(gone, context.Canceled) && !errors.Is(gone, context.DeadlineExceeded) {
		return gone
	}
	return nil
}

// endWith cancels once something is there no more.
func endWith(ctx context.Context, cancel context.CancelCauseFunc, there func() error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := there(); err != nil {
				cancel(err)
			}
		}
	}
}

// tells reports whether an event is about a flow that was asked for. That some
// were lost is always told.
func tells(wanted filter.Filter, e *flow.Event) bool {
	return wanted.Empty() || e.Type == flow.EventLost || wanted.MatchEnded(e.Flow(), e.Reason)
}
