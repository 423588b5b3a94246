package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/order"
	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	// defaultWatch is how long a dump watches if no tracker was running.
	defaultWatch = durationValue(3 * time.Second)
	// rateInterval is the time between the two readings of a rate.
	rateInterval = time.Second
)

// dump prints one snapshot, or one after the other.
type dump struct {
	env    env
	view   *viewFlags
	repeat *repeatFlags
	// joined is set if another process runs the tracker.
	joined bool
	// next takes a snapshot. done is called after it was printed.
	next func(ctx context.Context) (s *flow.Snapshot, done func(), err error)
	// arranging is held while flows are filtered and sorted, nil if several dumps may
	// do so at once.
	arranging sync.Locker
}

// print prints one snapshot, or one after every interval until the count is reached,
// ctx is done or nobody reads them any more.
func (d dump) print(ctx context.Context) error {
	if !d.repeat.wanted() {
		return d.printOne(ctx, output.View{})
	}
	tick := time.NewTicker(d.repeat.interval.duration())
	defer tick.Stop()
	for n := 0; d.repeat.count == 0 || n < int(d.repeat.count); n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.printOne(ctx, output.View{Stamped: true, Continued: n > 0}); err != nil {
			return err
		}
	}
	return nil
}

// printOne prints one snapshot. v says how.
func (d dump) printOne(ctx context.Context, v output.View) error {
	s, done, err := d.next(ctx)
	if err != nil {
		return err
	}
	defer done()
	v.Snapshot, v.Rows, v.Joined = s, d.arrange(s), d.joined
	return d.view.write(d.env, v)
}

func (d dump) arrange(s *flow.Snapshot) []*flow.Flow {
	if d.arranging != nil {
		d.arranging.Lock()
		defer d.arranging.Unlock()
	}
	return d.view.arrange(s)
}

// write prints a view, and beside a table a summary of it.
func (e env) write(f output.Format, v output.View) error {
	if err := output.WriteSnapshot(e.stdout, f, v); err != nil {
		return writeFailed(err)
	}
	if f.Text() {
		e.note("%s", output.Summary(v))
	}
	return nil
}

// arrange returns the flows that pass the filter, in the order and number that the
// flags say.
func (f *viewFlags) arrange(s *flow.Snapshot) []*flow.Flow {
	rows := order.Arrange(order.Request{Snapshot: s, Filter: f.wanted(), By: f.sort.by}).Rows
	if f.limit > 0 && len(rows) > int(f.limit) {
		rows = rows[:f.limit]
	}
	return rows
}

// dump prints snapshots of a tracker. If this process has attached it, a single
// snapshot is taken after a while.
func (s session) dump(ctx context.Context, t *tracker.Tracker, view *viewFlags, repeat *repeatFlags, watch time.Duration) error {
	d := dump{env: s.env, view: view, repeat: repeat, joined: t.Joined()}
	take, stop := s.taking(ctx, t, repeat, watch)
	defer stop()
	d.next = func(ctx context.Context) (*flow.Snapshot, func(), error) {
		snapshot, err := take(ctx)
		if err == nil {
			s.log.Debug("read", "flows", len(snapshot.Flows), "took", snapshot.Took)
		}
		return snapshot, func() {}, err
	}
	return d.print(ctx)
}

// taking returns the function that takes the snapshots of a dump.
func (s session) taking(
	ctx context.Context, t *tracker.Tracker, repeat *repeatFlags, watch time.Duration,
) (take func(context.Context) (*flow.Snapshot, error), stop func()) {
	switch {
	case repeat.wanted():
		return repeatedly(ctx, t, repeat.interval.duration())
	case t.Joined():
		return func(ctx context.Context) (*flow.Snapshot, error) { return readTwice(ctx, t, watch) }, func() {}
	}
	return func(ctx context.Context) (*flow.Snapshot, error) { return watchOwn(ctx, t, watch) }, func() {}
}

// readTwice reads another process's tracker. It runs no collector, which would expire
// flows or take the tracker over.
func readTwice(ctx context.Context, t *tracker.Tracker, watch time.Duration) (*flow.Snapshot, error) {
	sampler := tracker.NewSampler(t)
	if watch > 0 {
		// Each flow is read this long after its first reading, however long reading
		// them all takes.
		interval := time.After(min(watch, rateInterval))
		if err := errors.Join(sampler.Begin(), sampler.Prepare()); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-interval:
		}
	}
	return sampler.Snapshot()
}

// dumpInterval returns the longest interval up to a second that divides a time.
func dumpInterval(watch time.Duration) time.Duration {
	return watch / max(1, (watch+rateInterval-1)/rateInterval)
}

// watchOwn runs a collector on a tracker of this process for a while. An interrupt
// ends it early.
func watchOwn(ctx context.Context, t *tracker.Tracker, watch time.Duration) (*flow.Snapshot, error) {
	interval := dumpInterval(watch)
	c := tracker.NewCollector(t, tracker.CollectorOptions{Interval: interval, EventLog: 1})
	end := time.Now().Add(watch - interval/2)
	running := startCollector(ctx, c)
	defer running.stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-running.done:
			if s := c.Snapshot(); s != nil && running.err == nil {
				return s, nil
			}
			if running.err != nil {
				return nil, running.err
			}
			return t.Snapshot()
		case <-tick.C:
			if s := c.Snapshot(); s != nil && !s.Time.Before(end) {
				return s, nil
			}
		}
	}
}
