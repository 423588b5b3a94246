package kernel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cilium/ebpf"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// RingSize is the size of a reader's buffer in bytes. It holds about 23,000
// events.
const RingSize = 4 << 20

const (
	// clockRefresh is how often a listener reads the clocks again, to relate
	// the kernel's clock to the time of day.
	clockRefresh = time.Minute
	// clockStep is the change of the time of day that makes it read them at
	// once.
	clockStep = 100 * time.Millisecond
)

// outdated reports whether a clock must be read again: it is too old, or the
// time of day was changed since.
func (c *Clock) outdated(since time.Duration, now time.Time) bool {
	moved := now.Round(0).Sub(c.Wall.Round(0)) - since
	return since > clockRefresh || moved.Abs() > clockStep
}

// ErrNoSlot means that all reader slots are taken.
var ErrNoSlot = errors.New("all reader slots are taken: close another ctop on these interfaces")

// Readers registers ring buffers for events. Each occupies a slot of the table.
// Its methods are safe for concurrent use. Close prevents further registrations, so
// that the objects can be closed.
type Readers struct {
	*slots
	table *Table
}

// NewReaders returns the readers of a table. lock reserves a slot among
// processes until release is called.
func NewReaders(t *Table, lock func(slot uint32) (release func(), ok bool)) *Readers {
	return &Readers{slots: newSlots(lock), table: t}
}

// slot is a registered ring buffer and its index in the readers map.
type slot struct {
	index   uint32
	release func()
	ring    *ebpf.Map
}

// takeSlot registers a ring buffer in a free slot.
func (r *Readers) takeSlot() (*slot, error) {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_events", Type: ebpf.RingBuf, MaxEntries: RingSize})
	if err != nil {
		return nil, fmt.Errorf("create ring buffer: %w", err)
	}
	list := r.table.objects.readers
	for i := range list.MaxEntries() {
		release, ok := r.claim(i)
		if !ok {
			continue
		}
		s := &slot{index: i, release: release, ring: ring}
		if err := list.Put(i, ring); err != nil {
			r.giveBack(s)
			return nil, fmt.Errorf("register ring buffer: %w", err)
		}
		return s, nil
	}
	ring.Close()
	return nil, fmt.Errorf("read events: %w", ErrNoSlot)
}

func (r *Readers) giveBack(s *slot) {
	r.free(s.index, func() { _ = r.table.objects.readers.Delete(s.index) })
	s.release()
	s.ring.Close()
}

// Record is an event or a mark. A mark says that all events from before a
// moment ago have been returned.
type Record struct {
	Event flow.Event
	// Origin is the compact tuple of the event's flow.
	Origin Origin
	// Ns is the time of the event in nanoseconds of CLOCK_MONOTONIC.
	Ns   uint64
	Mark bool
	// Lost is the number of events lost before this record.
	Lost uint64
}

// Listener returns the events since its registration.
type Listener struct {
	readers *Readers
	slot    *slot
	ring    *ringbuf.Reader[kernelEvent]
}

// Listen registers a listener. It receives all events from then on.
func (r *Readers) Listen() (*Listener, error) {
	s, err := r.takeSlot()
	if err != nil {
		return nil, err
	}
	perCPU, err := r.table.readStats()
	if err != nil {
		r.giveBack(s)
		return nil, err
	}
	ring, err := ringbuf.NewReader(s.ring, eventSequence, eventsMade(perCPU))
	if err != nil {
		r.giveBack(s)
		return nil, err
	}
	ring.Short(shortEvents()...)
	ring.Watch(func() (map[uint32]uint64, error) {
		perCPU, err := r.table.readStats()
		return eventsMade(perCPU), err
	})
	return &Listener{readers: r, slot: s, ring: ring}, nil
}

// Close unregisters the listener.
func (l *Listener) Close() {
	_ = l.ring.Close()
	l.readers.giveBack(l.slot)
}

// Records returns events and marks until ctx is done. A record is valid until
// the next one is requested.
func (l *Listener) Records(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		lost := uint64(0)
		for record, err := range l.all(ctx) {
			if err == nil {
				record.Lost += lost
				if lost = 0; record.moved() {
					lost = record.Lost
					continue
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// moved reports whether the record says that a flow of the partner goes on here, which is
// news for a pair alone.
func (r *Record) moved() bool {
	return !r.Mark && movedHere(r.Event.Type, r.Event.From, r.Event.To)
}

// movedHere reports whether an event says that alone.
func movedHere(kind flow.EventType, from, to flow.State) bool {
	return kind == flow.EventUpdate && from == to
}

// all returns what Records does, and which flows of the partner go on here.
func (l *Listener) all(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var c Clock
		var record Record
		var known recentOwners
		for raw, err := range l.ring.Records(ctx) {
			if err == nil && (raw.Fresh || raw.Mark) {
				if now := time.Now(); c.outdated(now.Sub(c.Wall), now) {
					c, err = l.readers.table.ReadClock()
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			record.from(&raw, c)
			record.Event.Holding = known.holding(l.readers.table, &raw.Value.Owner, raw.Fresh)
			l.readers.table.nameEvent(&record.Event)
			l.readers.table.setOctets(&record.Event, &raw.Value, c)
			if !yield(&record, nil) {
				return
			}
		}
	}
}

func (r *Record) from(raw *ringbuf.Record[kernelEvent], c Clock) {
	e := &raw.Value
	eventFromKernel(&r.Event, e, c)
	r.Origin = originOf(e)
	r.Ns, r.Mark, r.Lost = e.TimeNs, raw.Mark, raw.Lost
	if r.Mark {
		r.Event.Time = time.Now()
	}
}
