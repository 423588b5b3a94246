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

// DefaultEventLog is the default number of events to keep.
const DefaultEventLog = 10_000

const (
	defaultInterval = time.Second
	// maxScan is the largest share of a core for reading the table.
	maxScan   = 0.1
	fullAlert = 0.9
)

// ErrGone means that another process detached the tracker.
var ErrGone = errors.New("the tracker was detached by another ctop")

// Options configures a collector. All zero values are valid.
type Options struct {
	// Interval is the time between snapshots. 0 means one second. It is
	// extended if reading the table takes more than a tenth of it.
	Interval time.Duration
	// EventLog is the number of events to keep. 0 means 10,000.
	EventLog int
	// Observe is called with every event, and must not wait for anything, nor keep it. It
	// may be nil.
	Observe func(*flow.Event)
	// Look is called with every snapshot before anybody else sees it, and returns the
	// processor time that it took. While it is set, snapshots are taken although nobody
	// reads them. It may be nil.
	Look func(*flow.Snapshot) time.Duration
}

// Source is the tracker that a collector reads.
type Source interface {
	flow.Inspector
	// Snapshot reads the table, and sets the rates since the previous snapshot with r.
	Snapshot(r *kernel.Rates) (*flow.Snapshot, error)
	// Status returns a snapshot without flows. It does not read the table.
	Status() (*flow.Snapshot, error)
	// Table returns the flow table.
	Table() *kernel.Table
	// Interfaces returns the names of the interfaces.
	Interfaces() []string
	// MaxFlows returns the capacity of the table.
	MaxFlows() int
	// Readers returns the registry of event readers.
	Readers() *kernel.Readers
	// Gone reports whether the tracker was detached.
	Gone() bool
	// Owned reports whether this process owns the tracker. Only the owner
	// expires flows.
	Owned() bool
	// Maintain keeps the programs attached until ctx is done. It calls report
	// with the current problems of the interfaces.
	Maintain(ctx context.Context, report func(flow.Warnings)) error
	// WhyNotSent returns the most likely reason why an interface does not send
	// packets.
	WhyNotSent(i int) string
	// Log returns the logger.
	Log() *slog.Logger
}

// Collector takes snapshots, expires flows, collects events and maintains the
// attachments, for any number of readers. Its methods are safe for concurrent
// use.
type Collector struct {
	source   Source
	interval time.Duration
	demand   demand
	// latest is the latest snapshot, nil while nobody reads snapshots. status
	// is the latest snapshot with or without flows.
	latest, status atomic.Pointer[flow.Snapshot]
	log            EventLog
	observer       func(*flow.Event)
	looker         func(*flow.Snapshot) time.Duration
	sampler        *Sampler
	pacer          pacer
	// swept is the CPU time of the latest sweep in nanoseconds.
	swept atomic.Int64
	// trouble are the current problems of the interfaces.
	trouble  atomic.Pointer[flow.Warnings]
	watchdog watchdog
	faults   faults
}

// New returns a collector that does nothing before Run.
func New(s Source, o Options) *Collector {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.EventLog <= 0 {
		o.EventLog = DefaultEventLog
	}
	if o.Observe == nil {
		o.Observe = func(*flow.Event) {}
	}
	return &Collector{
		source: s, interval: o.Interval, log: EventLog{Limit: o.EventLog}, observer: o.Observe, looker: o.Look, sampler: NewSampler(s),
	}
}

// The parts of a collector, each a goroutine.
const (
	partSnapshots  = "snapshots"
	partSweep      = "sweep"
	partEvents     = "events"
	partInterfaces = "interfaces"
)

// Run collects until ctx is done, and returns nil then. If the tracker is
// detached it returns [ErrGone]. Other errors are retried and appear as
// warnings of the snapshots. While the table cannot be read, the latest
// snapshot stays, and its time shows its age. Run returns such an error only if
// it never had a snapshot.
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
		if pause, err = c.look(ctx); err != nil {
			return err
		}
		if c.looker != nil {
			continue
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

// look takes and publishes a snapshot. If that fails it publishes the latest
// one with a warning. It returns the time until the next snapshot.
func (c *Collector) look(ctx context.Context) (pause time.Duration, err error) {
	pause, err = c.collect(ctx)
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

// repeat publishes the latest snapshot again with the current warnings.
func (c *Collector) repeat() {
	s := *c.status.Load()
	s.Warnings = c.faults.warnings()
	c.publish(&s)
}

// collect takes and publishes a snapshot. It returns the time until the next
// one.
func (c *Collector) collect(ctx context.Context) (time.Duration, error) {
	if c.source.Gone() {
		return 0, ErrGone
	}
	if before := c.status.Load(); before != nil {
		c.pacer.next(ctx, before)
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
	looked := time.Duration(0)
	if c.looker != nil {
		looked = c.looker(s)
	}
	c.status.Store(s)
	c.publish(s)
	work := looked + s.Took*time.Duration(kernel.Decoders(len(s.Flows)))
	return max(c.interval-s.Took-looked, time.Duration(float64(work)/maxScan)), nil
}

// TableWarnings returns a warning if the table is nearly full.
func TableWarnings(s *flow.Snapshot) flow.Warnings {
	if fill := float64(len(s.Flows)) / float64(max(s.MaxFlows, 1)); fill >= fullAlert {
		return flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{int(math.Round(100 * fill))}}}
	}
	return nil
}

// gather adds events to the log. After an error it starts again and logs the
// number of events that it missed.
func (c *Collector) gather(ctx context.Context) error {
	var failing bool
	var made uint64
	listens := func() {
		if now := c.eventsMade(); failing && now > made {
			c.log.Add(&flow.Event{Time: time.Now(), Type: flow.EventLost, Lost: now - made})
		}
		failing = false
		c.fault(partEvents, nil)
	}
	for {
		for event, err := range passing(ctx, c.source, listens) {
			if errors.Is(err, errPanic) {
				return err
			}
			if err != nil {
				if !failing {
					failing, made = true, c.eventsMade()
				}
				c.fault(partEvents, err)
				break
			}
			c.observer(event)
			c.log.Add(event)
		}
		if !rest(ctx, retryPause) {
			return nil
		}
	}
}

// eventsMade returns the number of events so far, 0 if it cannot be read.
func (c *Collector) eventsMade() uint64 {
	counters, err := c.source.Table().Counters()
	if err != nil {
		return 0
	}
	return counters.Events
}

// maintain keeps the programs attached.
func (c *Collector) maintain(ctx context.Context) error {
	return c.source.Maintain(ctx, func(trouble flow.Warnings) { c.trouble.Store(&trouble) })
}

// sweep expires flows while this process owns the tracker. The cost of a sweep
// determines the time until the next.
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

// publish sets the latest snapshot and wakes its readers.
func (c *Collector) publish(s *flow.Snapshot) {
	c.latest.Store(s)
	c.demand.serve()
}

// Snapshot returns the latest snapshot, nil before the first. Snapshots are
// only taken while somebody calls Snapshot. After a pause, the first call waits
// for a new one.
func (c *Collector) Snapshot() *flow.Snapshot {
	for {
		pauses := c.demand.ask()
		if s := c.latest.Load(); s != nil || c.demand.pausesBegun() == pauses {
			return s
		}
	}
}

// Inspect implements [flow.Inspector].
func (c *Collector) Inspect(ctx context.Context, ref flow.Ref) (flow.Inspection, error) {
	return c.source.Inspect(ctx, ref)
}

// SweepTook returns the CPU time of the latest sweep, 0 if this process has
// made none.
func (c *Collector) SweepTook() time.Duration { return time.Duration(c.swept.Load()) }

// Events returns the kept events after a position, oldest first, and the
// position after the last. Position 0 is before the first event.
func (c *Collector) Events(after uint64) (events []flow.Event, next uint64) {
	return c.log.After(after)
}
