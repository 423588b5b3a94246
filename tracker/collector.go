package tracker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultInterval = time.Second
	defaultEventLog = 10_000
	// Sweeping and reading may each take this share of a core at most;
	// sweeping more of it where flows are ended to make room.
	maxShare  = 0.02
	pressed   = 0.2
	maxScan   = 0.1
	minSweep  = time.Second
	maxSweep  = time.Minute
	fullAlert = 0.9
)

// ErrGone means that the tracker was taken down by somebody else.
var ErrGone = errors.New("the tracker was detached by another ctop")

// CollectorOptions says how often and how much to collect.
type CollectorOptions struct {
	// Interval is the time between snapshots, one second where zero. It is
	// stretched where reading the table takes more than a tenth of it.
	Interval time.Duration
	// EventLog is how many events to keep, 10,000 where zero.
	EventLog int
}

// Collector takes snapshots, expires flows and gathers events, for any number of
// readers. Its methods may be called from any goroutine.
type Collector struct {
	tracker  *Tracker
	interval time.Duration
	latest   atomic.Pointer[Snapshot]
	log      eventLog
	sampler  *Sampler
	// swept is how much of a core the latest sweep took, in nanoseconds.
	swept    atomic.Int64
	watchdog watchdog
}

// NewCollector returns a collector for t that does nothing until it is run.
func NewCollector(t *Tracker, o CollectorOptions) *Collector {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.EventLog <= 0 {
		o.EventLog = defaultEventLog
	}
	return &Collector{tracker: t, interval: o.Interval, log: eventLog{limit: o.EventLog}, sampler: NewSampler(t)}
}

// Run collects until ctx is done, which is no error, or until something ends it.
func (c *Collector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	failed := make(chan error, 2)
	for _, part := range []func(context.Context) error{c.gather, c.sweep} {
		wg.Go(func() { failed <- part(ctx) })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != nil && ctx.Err() == nil {
				return err
			}
		case <-timer.C:
			pause, err := c.collect()
			if err != nil {
				return err
			}
			timer.Reset(pause)
		}
	}
}

// collect takes and publishes one snapshot, and returns how long to wait until
// the next.
func (c *Collector) collect() (time.Duration, error) {
	if dir := c.tracker.dir; dir != "" {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return 0, ErrGone
		}
	}
	trouble := c.heal()
	s, err := c.sampler.Snapshot()
	if err != nil {
		return 0, err
	}
	s.Warnings = append(c.watchdog.watch(c.tracker, s), s.Warnings...)
	s.Warnings = append(s.Warnings, c.warnings(s)...)
	s.Warnings = append(s.Warnings, trouble...)
	c.latest.Store(s)
	return max(c.interval-s.Took, time.Duration(float64(s.Took)/maxScan)), nil
}

// heal looks after the interfaces while this process owns the tracker. What it
// did stays said until it does something else.
func (c *Collector) heal() []string {
	if !c.tracker.owner() {
		return nil
	}
	done, err := c.tracker.heal()
	if err != nil {
		return []string{err.Error()}
	}
	for _, what := range done {
		c.tracker.log.Info(what)
	}
	return nil
}

// warnings says what is wrong with the table or the events.
func (c *Collector) warnings(s *Snapshot) []string {
	var w []string
	if fill := float64(len(s.Flows)) / float64(s.MaxFlows); fill >= fullAlert {
		w = append(w, fmt.Sprintf("table %.0f %%", 100*fill))
	}
	return w
}

// gather fills the log with events.
func (c *Collector) gather(ctx context.Context) error {
	for event, err := range c.tracker.Events(ctx) {
		if err != nil {
			return err
		}
		c.log.add(event)
	}
	return nil
}

// sweep ends expired flows, as often as that is cheap, while this process owns
// the tracker. It takes over where the owner has died.
func (c *Collector) sweep(ctx context.Context) error {
	pause, left := minSweep, uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if !c.tracker.owner() {
			if c.tracker.joined {
				c.tracker.adopt()
			}
			continue
		}
		pressure := pressure(left, c.tracker.meta.MaxFlows)
		done, err := c.tracker.sweep(pressure)
		if err != nil {
			return err
		}
		left = done.left
		c.swept.Store(int64(done.took))
		pause = sweepPause(done.took, pressure > 0)
	}
}

// sweepPause returns how long to wait after a sweep that took so much of a core.
func sweepPause(took time.Duration, underPressure bool) time.Duration {
	share := maxShare
	if underPressure {
		share = pressed
	}
	return min(max(minSweep, time.Duration(float64(took)/share)), maxSweep)
}

// Snapshot returns the latest snapshot, nil before the first.
func (c *Collector) Snapshot() *Snapshot { return c.latest.Load() }

// SweepTook returns how much of a core the latest search for expired flows took,
// zero where this process has made none.
func (c *Collector) SweepTook() time.Duration { return time.Duration(c.swept.Load()) }

// Events returns what was gathered after the given position, oldest first, and
// the position to go on from. Position zero is the oldest event still kept.
func (c *Collector) Events(after uint64) (events []Event, next uint64) {
	return c.log.after(after)
}

// Delete is [Tracker.Delete].
func (c *Collector) Delete(refs ...Ref) (DeleteResult, error) { return c.tracker.Delete(refs...) }

// SetTimeout is [Tracker.SetTimeout].
func (c *Collector) SetTimeout(name TimeoutName, d time.Duration) error {
	return c.tracker.SetTimeout(name, d)
}

// SetFlowTimeout is [Tracker.SetFlowTimeout].
func (c *Collector) SetFlowTimeout(ref Ref, d time.Duration) error {
	return c.tracker.SetFlowTimeout(ref, d)
}
