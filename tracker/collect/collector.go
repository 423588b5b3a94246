package collect

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// DefaultEventLog is how many events are kept where nobody says otherwise.
const DefaultEventLog = 10_000

const (
	defaultInterval = time.Second
	// maxScan is the share of a core that reading may take.
	maxScan   = 0.1
	fullAlert = 0.9
)

// ErrGone means that the tracker was taken down by somebody else.
var ErrGone = errors.New("the tracker was detached by another ctop")

// Options says how often and how much to collect.
type Options struct {
	// Interval is the time between snapshots, one second where zero. It is
	// stretched where reading the table takes more than a tenth of it.
	Interval time.Duration
	// EventLog is how many events to keep, 10,000 where zero.
	EventLog int
}

// Source is a tracker to collect from.
type Source interface {
	// Snapshot reads the table once.
	Snapshot() (*flow.Snapshot, error)
	// Status returns a snapshot without flows, for which the table is not read.
	Status() (*flow.Snapshot, error)
	// Table returns the flow table.
	Table() *kernel.Table
	// MaxFlows is the capacity of the table.
	MaxFlows() int
	// Readers registers readers of events.
	Readers() *kernel.Readers
	// Gone reports whether the tracker was taken down.
	Gone() bool
	// Owned reports whether this process owns the tracker, and expires its flows.
	Owned() bool
	// Maintain looks after the interfaces until ctx is done. It reports what it
	// cannot put right.
	Maintain(ctx context.Context, report func(flow.Warnings)) error
	// WhyNotSent returns why an interface does not send what it is given.
	WhyNotSent(i int) string
	// Log gets what is worth telling.
	Log() *slog.Logger
}

// Collector takes snapshots, expires flows, gathers events and looks after the
// interfaces, for any number of readers. Its methods may be called from any goroutine.
type Collector struct {
	source   Source
	interval time.Duration
	demand   demand
	// latest is nil while nobody reads snapshots, status is the latest look.
	latest, status atomic.Pointer[flow.Snapshot]
	log            EventLog
	sampler        *Sampler
	// swept is how much of a core the latest sweep took, in nanoseconds.
	swept atomic.Int64
	// trouble is why an interface cannot be attached to again.
	trouble  atomic.Pointer[flow.Warnings]
	watchdog watchdog
	faults   faults
}

// New returns a collector that does nothing until it is run.
func New(s Source, o Options) *Collector {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.EventLog <= 0 {
		o.EventLog = DefaultEventLog
	}
	return &Collector{source: s, interval: o.Interval, log: EventLog{Limit: o.EventLog}, sampler: NewSampler(s)}
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
		partSnapshots: c.observe, partSweep: c.sweep, partEvents: c.gather, partInterfaces: c.maintain,
	}
	failed := make(chan error, len(parts))
	for name, part := range parts {
		wg.Go(func() {
			failed <- guarded(c.source.Log(), name, func() error { return part(ctx) })
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

// observe takes snapshots while somebody reads them.
func (c *Collector) observe(ctx context.Context) (err error) {
	defer c.demand.serve()
	for pause := time.Duration(0); rest(ctx, pause); {
		if pause, err = c.look(); err != nil {
			return err
		}
		woken := c.demand.pause(max(idleAfter, 3*c.interval))
		if woken == nil {
			continue
		}
		if err := c.doze(ctx, woken); err != nil {
			return err
		}
		pause = 0
	}
	return nil
}

// look takes and publishes a snapshot, or tells why there is no new one. It
// returns how long to wait until the next.
func (c *Collector) look() (pause time.Duration, err error) {
	pause, err = c.collect()
	if errors.Is(err, ErrGone) || err != nil && c.status.Load() == nil {
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
	s := *c.status.Load()
	s.Warnings = c.faults.warnings()
	c.publish(&s)
}

// collect takes and publishes one snapshot, and returns how long to wait until
// the next.
func (c *Collector) collect() (time.Duration, error) {
	if c.source.Gone() {
		return 0, ErrGone
	}
	s, err := c.sampler.Snapshot()
	if err != nil {
		return 0, err
	}
	c.fault(partSnapshots, nil)
	s.Warnings = c.watchdog.watch(c.source, s).Add(s.Warnings...).Add(TableWarnings(s)...)
	if trouble := c.trouble.Load(); trouble != nil {
		s.Warnings = s.Warnings.Add(*trouble...)
	}
	s.Warnings = s.Warnings.Add(c.faults.warnings()...)
	c.status.Store(s)
	c.publish(s)
	return max(c.interval-s.Took, time.Duration(float64(s.Took)/maxScan)), nil
}

// TableWarnings says that the table is nearly full.
func TableWarnings(s *flow.Snapshot) flow.Warnings {
	if fill := float64(len(s.Flows)) / float64(max(s.MaxFlows, 1)); fill >= fullAlert {
		return flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{int(math.Round(100 * fill))}}}
	}
	return nil
}

// gather fills the log with events. Where it has to start again the log says how
// many were made meanwhile.
func (c *Collector) gather(ctx context.Context) error {
	var deaf bool
	var made uint64
	listens := func() {
		if now := c.eventsMade(); deaf && now > made {
			c.log.Add(flow.Event{Time: time.Now(), Type: flow.EventLost, Lost: now - made})
		}
		deaf = false
		c.fault(partEvents, nil)
	}
	for {
		for event, err := range Events(ctx, c.source, listens) {
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
			c.log.Add(event)
		}
		if !rest(ctx, retryPause) {
			return nil
		}
	}
}

// eventsMade is how many events there were so far, zero where that cannot be read.
func (c *Collector) eventsMade() uint64 {
	counters, err := c.source.Table().Counters()
	if err != nil {
		return 0
	}
	return counters.Events
}

// maintain looks after the interfaces.
func (c *Collector) maintain(ctx context.Context) error {
	return c.source.Maintain(ctx, func(trouble flow.Warnings) { c.trouble.Store(&trouble) })
}

// sweep ends expired flows, as often as that is cheap, while this process owns
// the tracker.
func (c *Collector) sweep(ctx context.Context) error {
	left, held := uint64(0), held{}
	for pause := minSweep; rest(ctx, pause); {
		if !c.source.Owned() {
			continue
		}
		table := c.source.Table()
		pressure := held.next(pressure(left, c.source.MaxFlows()), time.Now())
		done, err := table.Sweep(pressure)
		if c.fault(partSweep, err); err != nil {
			continue
		}
		left = done.Left
		c.swept.Store(int64(done.Took))
		pause = SweepPause(done.Took, pressure > 0)
	}
	return nil
}

// publish makes a snapshot the latest one.
func (c *Collector) publish(s *flow.Snapshot) {
	c.latest.Store(s)
	c.demand.serve()
}

// Snapshot returns the latest snapshot, nil before the first. Snapshots are taken
// while somebody asks for them: the first to ask after a pause waits for a new one.
func (c *Collector) Snapshot() *flow.Snapshot {
	c.demand.ask()
	return c.latest.Load()
}

// SweepTook returns how much of a core the latest search for expired flows took,
// zero where this process has made none.
func (c *Collector) SweepTook() time.Duration { return time.Duration(c.swept.Load()) }

// Events returns what was gathered after the given position, oldest first, and
// the position to go on from. Position zero is the oldest event still kept.
func (c *Collector) Events(after uint64) (events []flow.Event, next uint64) {
	return c.log.After(after)
}
