package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/history"
	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

// bundling is held while a bundle is written: that takes the memory of two snapshots.
var bundling sync.Mutex

var (
	errBundling      = errors.New("bundle: another bundle is being written: try again in a moment")
	errBundleRefused = errors.New(`bundle: only operators may take one: add role="operator" before the key in the server's keys file`)
)

// bundleCommand writes a bundle of what the server has kept. If no console was open, it
// watches for some seconds.
func (r remote) bundleCommand() *cobra.Command {
	var anonymise bool
	watch := defaultBundle
	cmd := &cobra.Command{
		Use: "bundle [flags]", Short: "Write an archive with the last ten minutes", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.role != console.Operator {
				return errBundleRefused
			}
			if !bundling.TryLock() {
				return errBundling
			}
			defer bundling.Unlock()
			from := r.dumps.bundles
			if err := r.fill(cmd.Context(), from.kept, watch.duration()); err != nil {
				return err
			}
			return from.write(endable{cmd.Context(), r.env.stdout}, r.recentEvents(), anonymise)
		},
	}
	cmd.Flags().Var(&watch, "for", "how long to watch, if no console was open")
	registerAnonymise(cmd, &anonymise)
	return cmd
}

// fill offers the server's snapshots to the store for some time, unless it has as much
// already.
func (r remote) fill(ctx context.Context, kept *history.Store, most time.Duration) error {
	for begun := time.Now(); ; {
		s, err := r.snapshot(ctx, true)
		if err != nil {
			return err
		}
		kept.Add(s)
		if times := kept.Times(); len(times) > 0 && s.Time.Sub(times[0]) >= most || time.Since(begun) >= most {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(bundleEvery):
		}
	}
}

// recentEvents returns the server's events of the last ten minutes.
func (r remote) recentEvents() []flow.Event {
	events, _ := r.reader.Events(0)
	since := time.Now().Add(-history.DefaultSpan)
	return slices.DeleteFunc(events, func(e flow.Event) bool { return e.Time.Before(since) })
}

// keepHistory keeps the snapshots of a collector, whether somebody looks or not.
func keepHistory(ctx context.Context, c *tracker.Collector, to *history.Store) error {
	tick := time.NewTicker(bundleEvery)
	defer tick.Stop()
	for {
		to.Offer(c.Snapshot())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
