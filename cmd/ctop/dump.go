package main

import (
	"context"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/order"
	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	// defaultWatch is how long a dump watches where no tracker was running.
	defaultWatch = durationValue(3 * time.Second)
	// rateInterval is the time between two readings that a rate is made of.
	rateInterval = time.Second
)

// dump prints one snapshot, or one after the other.
type dump struct {
	session
	view   viewFlags
	watch  time.Duration
	repeat repeatFlags
}

// print writes what the tracker has, once there is something to compare it with.
func (d dump) print(ctx context.Context, t *tracker.Tracker) error {
	if d.repeat.wanted() {
		return d.printRepeatedly(ctx, t)
	}
	take := d.watchOwn
	if t.Joined() {
		take = d.readTwice
	}
	s, err := take(ctx, t)
	if err != nil {
		return err
	}
	d.log.Debug("read", "flows", len(s.Flows), "took", s.Took)
	return d.env.write(d.view.output, output.View{Snapshot: s, Rows: d.view.arrange(s), Joined: t.Joined()})
}

// write prints a view, and beside a table what it is of.
func (e env) write(f output.Format, v output.View) error {
	if err := output.WriteSnapshot(e.stdout, f, v); err != nil {
		return writeFailed(err)
	}
	if f.Text() {
		e.note("%s", output.Summary(v))
	}
	return nil
}

// arrange returns the flows that were asked for, in the order asked for.
func (f *viewFlags) arrange(s *flow.Snapshot) []*flow.Flow {
	rows := order.Arrange(order.Request{Snapshot: s, Filter: f.wanted(), By: f.sort.by}).Rows
	if f.limit > 0 && len(rows) > int(f.limit) {
		rows = rows[:f.limit]
	}
	return rows
}

// readTwice reads a tracker that is somebody else's: no collector is run, which
// would expire its flows or take it over.
func (d dump) readTwice(ctx context.Context, t *tracker.Tracker) (*flow.Snapshot, error) {
	sampler := tracker.NewSampler(t)
	if d.watch > 0 {
		// Each flow is read so long after it was read first, whatever it
		// takes to read them all.
		interval := time.After(min(d.watch, rateInterval))
		if err := sampler.Begin(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-interval:
		}
	}
	return sampler.Snapshot()
}

// watchOwn runs a tracker of our own for a while. An interrupt shortens that.
func (d dump) watchOwn(ctx context.Context, t *tracker.Tracker) (*flow.Snapshot, error) {
	interval := d.watch / time.Duration(max(1, (d.watch+rateInterval-1)/rateInterval))
	c := tracker.NewCollector(t, tracker.CollectorOptions{Interval: interval, EventLog: 1})
	end := time.Now().Add(d.watch - interval/2)
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
