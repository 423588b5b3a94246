package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// repeatFlags say how often to print a snapshot.
type repeatFlags struct {
	interval durationValue
	count    repeatValue
}

func (f *repeatFlags) register(flags *pflag.FlagSet) {
	flags.Var(&f.interval, "interval", "with --dump: print a snapshot at this interval, 0s for only one")
	flags.Var(&f.count, "count", "with --interval: number of snapshots to print, 0 until interrupted")
}

// shortestRepeat prevents reading the table without a pause because of a typing
// mistake.
const shortestRepeat = 100 * time.Millisecond

// check refuses contradictory flags.
func (f *repeatFlags) check(cmd *cobra.Command) error {
	d := f.interval.duration()
	switch {
	case d == 0 && f.count > 0:
		return usagef("--count works only with --interval: write --interval 1s --count %d", f.count)
	case d > 0 && d < shortestRepeat:
		return usagef("--interval: %s is too short: use %s or more", d, shortestRepeat)
	case d > 0 && given(cmd, "for"):
		return usagef("--for does not work with --interval: use --count instead")
	}
	return nil
}

// given reports whether a flag was given on the command line itself.
func given(cmd *cobra.Command, name string) bool {
	f := cmd.Flags().Lookup(name)
	return f != nil && f.Changed && f.Annotations[fromVariable] == nil
}

func (f *repeatFlags) wanted() bool { return f.interval > 0 }

// repeatedly returns the function that takes one snapshot after the other, each with
// the rates since the previous one. A collector sweeps a tracker of this process
// meanwhile; another process's tracker is only read.
func repeatedly(
	ctx context.Context, t *tracker.Tracker, interval time.Duration,
) (take func(context.Context) (*flow.Snapshot, error), stop func()) {
	there, stop := watched(ctx, t, interval)
	sampler := tracker.NewSampler(t)
	err := sampler.Begin()
	return func(context.Context) (*flow.Snapshot, error) {
		if err := errors.Join(err, there()); err != nil {
			return nil, err
		}
		return sampler.Snapshot()
	}, stop
}

// watched runs a collector on a tracker of this process until stop is called. there
// fails when the tracker is gone.
func watched(ctx context.Context, t *tracker.Tracker, interval time.Duration) (there func() error, stop func()) {
	if t.Joined() {
		return presence(t), func() {}
	}
	c := startCollector(ctx, tracker.NewCollector(t, tracker.CollectorOptions{Interval: max(interval, rateInterval), EventLog: 1}))
	return c.ended, c.stop
}

// presence returns a function that fails when the tracker was detached: its table can
// still be read, but will never change again.
func presence(t *tracker.Tracker) func() error {
	return func() error {
		if t.Gone() {
			return tracker.ErrGone
		}
		return nil
	}
}
