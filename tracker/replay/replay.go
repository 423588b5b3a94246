// Package replay runs the packets of a capture through a tracker's BPF
// programs. It uses the capture's clock and needs no interface.
package replay

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

const (
	// tick is the length of a tick of the capture's clock.
	tick = time.Millisecond
	// The clocks start at values other than 0, which means "never" to the
	// programs.
	startTicks = 1 << 32
	startNs    = 1 << 40
	// maxLength is the longest replay. It is far below the range of
	// time.Duration.
	maxLength = 100 * 365 * 24 * time.Hour
	// maxQueue is the largest event queue in bytes, which holds about 1.5
	// million events.
	maxQueue = 256 << 20
)

// Options configures a replay. All zero values are valid.
type Options struct {
	// Host is the host name in snapshots.
	Host string
	// Policy, MaxFlows and Timeouts are those of tracker.Options.
	Policy   flow.Policy
	MaxFlows int
	Timeouts flow.Timeouts
	// EventLog is the number of events to keep. 0 means 10,000.
	EventLog int
	// OnEvent is called with every event during Feed and Refresh. If it returns
	// an error, they return it.
	OnEvent func(*flow.Event) error
}

// Replay runs packets through the BPF programs of a tracker between two
// interfaces, at the packets' own times and without interfaces. Feed must not
// be called concurrently. The other methods are safe for concurrent use, and
// show the table at the time of the last packet.
type Replay struct {
	options Options
	objects *kernel.Objects
	table   *kernel.Table
	log     collect.EventLog
	latest  atomic.Pointer[flow.Snapshot]

	// mu protects the table and its clock.
	mu    sync.Mutex
	queue *kernel.Queue
	// sides are the names of sides 0 and 1, which were watched.
	sides   []string
	watched bool
	// start is the time of the first packet. elapsed is the time since start.
	start   time.Time
	elapsed time.Duration
	swept   time.Duration
	// pause is the interval until the next sweep.
	pause   time.Duration
	fed     int
	skipped int
	// early is the number of packets whose time was more than mostEarly before
	// the latest one.
	early int
	// quiet is a time before which no flow expires.
	quiet time.Duration
}

// Open loads the programs for a replay. The caller must close the replay.
func Open(o Options) (*Replay, error) {
	var err error
	if o.MaxFlows, err = flow.CheckMaxFlows(o.MaxFlows); err != nil {
		return nil, err
	}
	if o.Timeouts, err = o.Timeouts.WithDefaults(); err != nil {
		return nil, err
	}
	if o.EventLog <= 0 {
		o.EventLog = collect.DefaultEventLog
	}
	if err := kernel.Check(); err != nil {
		return nil, err
	}
	k, err := kernel.Load(kernel.Options{MaxFlows: o.MaxFlows, InjectedClock: true})
	if err != nil {
		return nil, err
	}
	r := &Replay{
		options: o, pause: collect.MinSweep, sides: make([]string, 2), log: collect.EventLog{Limit: o.EventLog},
		objects: k, table: kernel.NewReplayTable(k, tick),
	}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// prepare sets up the output, the configuration and the event queue of the
// programs.
func (r *Replay) prepare() (err error) {
	if err := r.table.PrepareInjection(); err != nil {
		return fmt.Errorf("prepare the replay: %w", err)
	}
	if err := r.table.Configure(r.options.Policy, r.options.Timeouts); err != nil {
		return err
	}
	if err := r.setClock(0); err != nil {
		return err
	}
	// One sweep may end every flow, and each end is an event.
	size := min(max(kernel.RingSize, 256<<bits.Len(uint(r.options.MaxFlows))), maxQueue)
	r.queue, err = r.table.NewQueue(size)
	return err
}

// Close releases the kernel objects. Snapshots and events remain valid.
func (r *Replay) Close() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue != nil {
		err = r.queue.Close()
		r.queue = nil
	}
	r.objects.Close()
	return err
}

// Name sets the names of sides 0 and 1, which were the ends of a wire, or interfaces that
// were watched.
func (r *Replay) Name(watched bool, sides ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched, r.sides = watched, sides
}

// Fed returns the number of packets fed, and the number skipped because the
// kernel does not accept their length.
func (r *Replay) Fed() (fed, skipped int) { return r.fed, r.skipped }

// mostEarly is how far a packet's time may lie before the latest without being
// counted as early. The interfaces of one machine record packets slightly out
// of order.
const mostEarly = time.Second

// Early returns the number of packets whose time was more than a second before
// the latest one. They counted as being at the latest time.
func (r *Replay) Early() int { return r.early }

// Packets returns the number of packets fed and skipped.
func (r *Replay) Packets() int { return r.fed + r.skipped }

// Feed injects a frame that arrived at side 0 or 1. If the side is unknown, a
// flow's reply is recognized by its tuple alone. Time never runs backwards: an
// early frame counts as being at the latest time. It also stops after a hundred
// years. Feed returns ctx.Err() if ctx ends while flows expire.
func (r *Replay) Feed(ctx context.Context, at time.Time, side int, known bool, frame []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() {
		r.start = at
	}
	if at.Sub(r.start) < r.elapsed-mostEarly {
		r.early++
	}
	if err := r.passTo(ctx, min(at.Sub(r.start), maxLength)); err != nil {
		return err
	}
	r.table.SetSide(side, known)
	if err := r.setClock(r.elapsed); err != nil {
		return err
	}
	err := r.table.Inject(frame)
	if errors.Is(err, kernel.ErrLength) {
		r.skipped++
		return nil
	}
	if err != nil {
		return fmt.Errorf("replay packet %d: %w", r.fed+r.skipped+1, err)
	}
	r.fed++
	return r.drain()
}

// setClock sets the programs' clocks to a time since start.
func (r *Replay) setClock(elapsed time.Duration) error {
	r.elapsed = elapsed
	return r.table.SetClock(r.clock())
}

func (r *Replay) clock() kernel.Clock {
	return kernel.Clock{
		Tick: tick, Ticks: startTicks + uint64(r.elapsed/tick), Ns: startNs + uint64(r.elapsed),
		Wall: r.start.Add(r.elapsed),
	}
}

// Now returns the time of the last packet.
func (r *Replay) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.start.Add(r.elapsed)
}

// drain delivers the queued events.
func (r *Replay) drain() error {
	for {
		event, lost, err := r.queue.Next(r.clock())
		if event == nil || err != nil {
			return err
		}
		if lost > 0 {
			if err := r.deliver(flow.Event{Time: event.Time, Type: flow.EventLost, Lost: lost}); err != nil {
				return err
			}
		}
		if err := r.deliver(*event); err != nil {
			return err
		}
	}
}

// deliver adds an event to the log and calls OnEvent.
func (r *Replay) deliver(event flow.Event) error {
	r.log.Add(&event)
	if r.options.OnEvent == nil {
		return nil
	}
	return r.options.OnEvent(&event)
}
