// Package replay runs packets of a capture through the programs of a tracker, on the
// clock of the capture and without any interface.
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
	// tick is the length of a tick where the clock is the capture's.
	tick = time.Millisecond
	// The injected clocks begin somewhere else than at zero, which means
	// "never" to the programs.
	startTicks = 1 << 32
	startNs    = 1 << 40
	// maxLength is as long as a replay can last: far from where a duration
	// overflows.
	maxLength = 100 * 365 * 24 * time.Hour
	// maxQueue bounds the room for events: a million and a half.
	maxQueue = 256 << 20
)

// Options says how a replay is to be made. The zero value of each field
// is usable.
type Options struct {
	// Host is what snapshots are to say they are from.
	Host string
	// Policy, MaxFlows and Timeouts are as in tracker.Options.
	Policy   flow.Policy
	MaxFlows int
	Timeouts flow.Timeouts
	// EventLog is how many events to keep, 10,000 where zero.
	EventLog int
	// OnEvent gets every event as soon as it is read. An error of it ends the
	// replay.
	OnEvent func(*flow.Event) error
}

// Replay runs packets through the same BPF programs as a tracker between two
// interfaces, on the packets' own clock and without any interface. Packets are
// fed from one goroutine; the rest may be called from any, and what a console
// sees is the table at the time of the last packet.
type Replay struct {
	options Options
	objects *kernel.Objects
	table   *kernel.Table
	log     collect.EventLog
	latest  atomic.Pointer[flow.Snapshot]

	// mu is held while the table or its clock changes.
	mu    sync.Mutex
	queue *kernel.Queue
	// sides are the names of the two sides.
	sides []string
	// start is the time of the first packet, elapsed what passed since.
	start   time.Time
	elapsed time.Duration
	swept   time.Duration
	// pause is how long to wait until the next sweep.
	pause   time.Duration
	fed     int
	skipped int
	// early is how many packets came whose time was well before the last.
	early int
	// quiet is up to when nothing can expire.
	quiet time.Duration
}

// Open loads the programs for a replay. The caller closes it.
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

// prepare gives the programs a way out, a configuration, and room for events.
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
	// A sweep may end every flow at once, and each end is an event.
	size := min(max(kernel.RingSize, 256<<bits.Len(uint(r.options.MaxFlows))), maxQueue)
	r.queue, err = r.table.NewQueue(size)
	return err
}

// Close frees what the kernel holds. Snapshots and events stay good.
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

// Name gives names to the two sides.
func (r *Replay) Name(sides ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sides = sides
}

// Fed returns how many packets were fed, and how many more were too short or
// too long for the kernel to take.
func (r *Replay) Fed() (fed, skipped int) { return r.fed, r.skipped }

// mostEarly is how far back a packet's time may be unsaid: interfaces of one machine
// write theirs not quite in order.
const mostEarly = time.Second

// Early returns how many packets had a time of more than a second before the
// latest one, so that they counted as later than they were.
func (r *Replay) Early() int { return r.early }

// Packets returns how many packets came in, whether the kernel took them or not.
func (r *Replay) Packets() int { return r.fed + r.skipped }

// Feed lets a frame come in by side 0 or 1. Where the side is not known, a flow is
// answered by what goes in the other direction, whichever side that comes in by. Time
// never runs backwards: a frame from before the last one counts as from the same
// moment. Nor does it run for longer than a hundred years: all later frames count as
// from then. Feed returns the error of ctx where that ends while flows expire.
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
	r.table.ComeBy(side, known)
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

// setClock shows the programs a time.
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

// drain reads the events that were made, and hands them on.
func (r *Replay) drain() error {
	for {
		event, lost, err := r.queue.Next(r.clock())
		if event == nil || err != nil {
			return err
		}
		if lost > 0 {
			if err := r.tell(flow.Event{Time: event.Time, Type: flow.EventLost, Lost: lost}); err != nil {
				return err
			}
		}
		if err := r.tell(*event); err != nil {
			return err
		}
	}
}

// tell hands an event on.
func (r *Replay) tell(event flow.Event) error {
	r.log.Add(event)
	if r.options.OnEvent == nil {
		return nil
	}
	return r.options.OnEvent(&event)
}
