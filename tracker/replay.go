package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"ctop/tracker/flow"
)

const (
	// replayTick is the length of a tick where the clock is the capture's.
	replayTick = time.Millisecond
	// The injected clocks begin somewhere else than at zero, which means
	// "never" to the programs.
	replayTicks = 1 << 32
	replayNs    = 1 << 40
	// loopback is the interface that test runs come in by. It is in every
	// network namespace, and nothing is ever sent there.
	loopback = 1
	// minFrame is the least that the kernel takes for a packet.
	minFrame = 14
	// maxReplay is as long as a replay can last: far from where a duration
	// overflows.
	maxReplay = 100 * 365 * 24 * time.Hour
	// maxReplayRing bounds the room for events: a million and a half.
	maxReplayRing = 256 << 20
)

// ReplayOptions says how a replay is to be made. The zero value of each field
// is usable.
type ReplayOptions struct {
	// Host is what snapshots are to say they are from.
	Host string
	// Policy, MaxFlows and Timeouts are as in [Options].
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
	options ReplayOptions
	tracker *Tracker
	log     eventLog
	latest  atomic.Pointer[flow.Snapshot]

	// mu is held while the table or its clock changes.
	mu     sync.Mutex
	ring   *ebpf.Map
	events *ringbuf.Reader
	record ringbuf.Record
	sides  [2]string
	// start is the time of the first packet, elapsed what passed since.
	start   time.Time
	elapsed time.Duration
	swept   time.Duration
	// pause is how long to wait until the next sweep.
	pause time.Duration
	// next is the number that the next event of each series is to have.
	next    map[uint32]uint64
	fed     int
	skipped int
	// early is how many packets came whose time was well before the last.
	early int
	// quiet is up to when nothing can expire.
	quiet time.Duration
}

// OpenReplay loads the programs for a replay. The caller closes it.
func OpenReplay(o ReplayOptions) (*Replay, error) {
	common, err := Options{Interfaces: [2]string{"0", "1"}, MaxFlows: o.MaxFlows, Timeouts: o.Timeouts}.withDefaults()
	if err != nil {
		return nil, err
	}
	o.MaxFlows, o.Timeouts = common.MaxFlows, common.Timeouts
	if o.EventLog <= 0 {
		o.EventLog = defaultEventLog
	}
	if err := checkKernel(); err != nil {
		return nil, err
	}
	k, err := loadKernel(loadOptions{maxFlows: o.MaxFlows, injectedClock: true})
	if err != nil {
		return nil, err
	}
	r := &Replay{
		options: o, pause: minSweep, next: map[uint32]uint64{}, log: eventLog{limit: o.EventLog},
		tracker: &Tracker{kernel: k, log: slog.New(slog.DiscardHandler), tick: replayTick, slots: map[uint32]bool{}},
	}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// prepare gives the programs a way out, a configuration, and room for events.
func (r *Replay) prepare() (err error) {
	k := r.tracker.kernel
	for side := range uint32(2) {
		if err := k.outputs.Put(side, uint32(loopback)); err != nil {
			return fmt.Errorf("prepare the replay: %w", err)
		}
	}
	r.tracker.config.Policy = kernelPolicy(r.options.Policy)
	for name, d := range r.options.Timeouts {
		r.tracker.config.TimeoutTicks[name] = clock{tick: replayTick}.ticksOf(d)
	}
	if err := r.setClock(0); err != nil {
		return err
	}
	// A sweep may end every flow at once, and each end is an event.
	size := min(max(ringSize, 256<<bits.Len(uint(r.options.MaxFlows))), maxReplayRing)
	r.ring, err = ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_events", Type: ebpf.RingBuf, MaxEntries: uint32(size)})
	if err != nil {
		return fmt.Errorf("create ring buffer: %w", err)
	}
	if err := k.readers.Put(uint32(0), r.ring); err != nil {
		return fmt.Errorf("register ring buffer: %w", err)
	}
	if r.events, err = ringbuf.NewReader(r.ring); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	return nil
}

// Close frees what the kernel holds. Snapshots and events stay good.
func (r *Replay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.events != nil {
		err = r.events.Close()
		r.events = nil
	}
	if r.ring != nil {
		r.ring.Close()
		r.ring = nil
	}
	r.tracker.kernel.close()
	return err
}

// Name says what the two sides are called.
func (r *Replay) Name(sides [2]string) {
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
	if err := r.passTo(ctx, min(at.Sub(r.start), maxReplay)); err != nil {
		return err
	}
	if err := r.comeBy(side, known); err != nil {
		return err
	}
	if len(frame) < minFrame {
		r.skipped++
		return nil
	}
	_, err := r.tracker.kernel.xdp.Run(&ebpf.RunOptions{Data: frame})
	if refusedLength(err) {
		r.skipped++
		return nil
	}
	if err != nil {
		return fmt.Errorf("replay packet %d: %w", r.fed+r.skipped+1, err)
	}
	r.fed++
	return r.drain()
}

// comeBy has the next frame come in by a side.
func (r *Replay) comeBy(side int, known bool) error {
	config := &r.tracker.config
	config.SidesUnknown = 1
	if known {
		config.SidesUnknown = 0
	}
	config.Ifindex = [2]uint32{loopback, loopback + 1}
	if side != 0 {
		config.Ifindex = [2]uint32{loopback + 1, loopback}
	}
	return r.setClock(r.elapsed)
}

// setClock shows the programs a time, and what else is configured. Timeouts may
// have been changed meanwhile, but only here.
func (r *Replay) setClock(elapsed time.Duration) error {
	r.elapsed = elapsed
	c := r.clock()
	r.tracker.config.InjectedTicks, r.tracker.config.InjectedNs = c.ticks, c.ns
	return r.tracker.writeConfig()
}

func (r *Replay) clock() clock {
	return clock{
		tick: replayTick, ticks: replayTicks + uint64(r.elapsed/replayTick), ns: replayNs + uint64(r.elapsed),
		wall: r.start.Add(r.elapsed),
	}
}

// Now returns the time of the last packet.
func (r *Replay) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.start.Add(r.elapsed)
}

// drain reads the events that were made.
func (r *Replay) drain() error {
	r.events.SetDeadline(time.Unix(1, 0))
	for {
		err := r.events.ReadInto(&r.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read ring buffer: %w", err)
		}
		raw, err := eventFromSample(r.record.RawSample)
		if err != nil {
			return err
		}
		if err := r.tell(raw); err != nil {
			return err
		}
	}
}

// tell hands an event on, and before it how many are missing.
func (r *Replay) tell(raw *kernelEvent) error {
	event := eventFromKernel(raw, r.clock())
	count, number := eventSequence(raw)
	list := []flow.Event{event}
	if expected, known := r.next[count]; known && number > expected {
		list = []flow.Event{{Time: event.Time, Type: flow.EventLost, Lost: number - expected}, event}
	}
	r.next[count] = number + 1
	for i := range list {
		r.log.add(list[i])
		if r.options.OnEvent == nil {
			continue
		}
		if err := r.options.OnEvent(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
