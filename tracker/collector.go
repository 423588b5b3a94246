package tracker

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/flow"
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

// Collector takes snapshots, expires flows, gathers events and looks after the
// interfaces, for any number of readers. Its methods may be called from any goroutine.
type Collector struct {
	tracker  *Tracker
	interval time.Duration
	latest   atomic.Pointer[flow.Snapshot]
	log      eventLog
	sampler  *Sampler
	// swept is how much of a core the latest sweep took, in nanoseconds.
	swept atomic.Int64
	// trouble is why an interface cannot be attached to again.
	trouble atomic.Pointer[flow.Warnings]
	// troubleTold is what of it the log has already.
	troubleTold string
	// mtus is what was told last about the interfaces' MTUs.
	mtus string
	// uses are how the machine uses the interfaces, as was told last.
	uses     [2]string
	watchdog watchdog
	faults   faults
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

// The parts of a collector.
const (
	partSnapshots  = "snapshots"
	partSweep      = "sweep"
	partEvents     = "events"
	partInterfaces = "interfaces"
)

// Run collects until ctx is done, which is no error, or the tracker is gone. What
// goes wrong on the way is tried again, and is a warning of the snapshots for as
// long; while the table cannot be read the last one stays, and its age tells. Only
// where there never was one Run returns the error.
func (c *Collector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	parts := map[string]func(context.Context) error{
		partSnapshots: c.observe, partSweep: c.sweep, partEvents: c.gather, partInterfaces: c.attend,
	}
	failed := make(chan error, len(parts))
	for name, part := range parts {
		wg.Go(func() {
			failed <- guarded(c.tracker.log, name, func() error { return part(ctx) })
		})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

// observe takes snapshots.
func (c *Collector) observe(ctx context.Context) (err error) {
	for pause := time.Duration(0); rest(ctx, pause); {
		if pause, err = c.look(); err != nil {
			return err
		}
	}
	return nil
}

// look takes and publishes a snapshot, or tells why there is no new one. It
// returns how long to wait until the next.
func (c *Collector) look() (pause time.Duration, err error) {
	pause, err = c.collect()
	if errors.Is(err, ErrGone) || err != nil && c.latest.Load() == nil {
		return 0, err
	}
	if err != nil {
		c.fault(partSnapshots, err)
		c.repeat()
		pause = max(c.interval, retryPause)
	}
	return pause, nil
}

// repeat publishes the last snapshot again, with what is wrong now.
func (c *Collector) repeat() {
	s := *c.latest.Load()
	s.Warnings = c.faults.warnings()
	c.latest.Store(&s)
}

// collect takes and publishes one snapshot, and returns how long to wait until
// the next.
func (c *Collector) collect() (time.Duration, error) {
	if c.tracker.Gone() {
		return 0, ErrGone
	}
	s, err := c.sampler.Snapshot()
	if err != nil {
		return 0, err
	}
	c.fault(partSnapshots, nil)
	s.Warnings = c.watchdog.watch(c.tracker, s).Add(s.Warnings...).Add(tableWarnings(s)...)
	if trouble := c.trouble.Load(); trouble != nil {
		s.Warnings = s.Warnings.Add(*trouble...)
	}
	s.Warnings = s.Warnings.Add(c.faults.warnings()...)
	c.latest.Store(s)
	return max(c.interval-s.Took, time.Duration(float64(s.Took)/maxScan)), nil
}

// tableWarnings says that the table is nearly full.
func tableWarnings(s *flow.Snapshot) flow.Warnings {
	if fill := float64(len(s.Flows)) / float64(max(s.MaxFlows, 1)); fill >= fullAlert {
		return flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{int(math.Round(100 * fill))}}}
	}
	return nil
}

// gather fills the log with events. Where it has to begin anew the log says how
// many were made meanwhile.
func (c *Collector) gather(ctx context.Context) error {
	var deaf bool
	var made uint64
	listens := func() {
		if now := c.eventsMade(); deaf && now > made {
			c.log.add(flow.Event{Time: time.Now(), Type: flow.EventLost, Lost: now - made})
		}
		deaf = false
		c.fault(partEvents, nil)
	}
	for {
		for event, err := range c.tracker.events(ctx, listens) {
			if errors.Is(err, errPanic) {
				return err
			}
			if err != nil {
				if !deaf {
					deaf, made = true, c.eventsMade()
				}
				c.fault(partEvents, err)
				break
			}
			c.log.add(event)
		}
		if !rest(ctx, retryPause) {
			return nil
		}
	}
}

// eventsMade is how many events there were so far, zero where that cannot be read.
func (c *Collector) eventsMade() uint64 {
	perCPU, err := c.tracker.readStats()
	if err != nil {
		return 0
	}
	return countersFromKernel(perCPU).Events
}

// sweep ends expired flows, as often as that is cheap, while this process owns
// the tracker.
func (c *Collector) sweep(ctx context.Context) error {
	left, held := uint64(0), held{}
	for pause := minSweep; rest(ctx, pause); {
		if !c.tracker.owner() {
			continue
		}
		pressure := held.next(pressure(left, c.tracker.meta.MaxFlows), time.Now())
		done, err := c.tracker.sweep(pressure)
		if c.fault(partSweep, err); err != nil {
			continue
		}
		left = done.left
		c.swept.Store(int64(done.took))
		pause = sweepPause(done.took, pressure > 0)
	}
	return nil
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
func (c *Collector) Snapshot() *flow.Snapshot { return c.latest.Load() }

// SweepTook returns how much of a core the latest search for expired flows took,
// zero where this process has made none.
func (c *Collector) SweepTook() time.Duration { return time.Duration(c.swept.Load()) }

// Events returns what was gathered after the given position, oldest first, and
// the position to go on from. Position zero is the oldest event still kept.
func (c *Collector) Events(after uint64) (events []flow.Event, next uint64) {
	return c.log.after(after)
}
