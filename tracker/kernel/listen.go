package kernel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// RingSize is a reader's buffer: room for some 23,000 events.
const RingSize = 4 << 20

const (
	// clockRefresh is how often the relation between the kernel's clock and the
	// time of day is taken again while events are read.
	clockRefresh = time.Minute
	// clockStep is by how much somebody must have set the time of day for it to
	// be taken again at once.
	clockStep = 100 * time.Millisecond
)

// outdated reports whether a clock no longer tells the time of day: it was read
// too long ago, or the time of day now is not what it was then and what has gone
// by since.
func (c *Clock) outdated(since time.Duration, now time.Time) bool {
	moved := now.Round(0).Sub(c.Wall.Round(0)) - since
	return since > clockRefresh || moved.Abs() > clockStep
}

// ErrNoSlot means that as many processes read events as can.
var ErrNoSlot = errors.New("all reader slots are taken: close another ctop on these interfaces")

// Readers registers ring buffers for events. Each takes one of the table's slots.
type Readers struct {
	table *Table
	// lock keeps a slot from other processes.
	lock func(slot uint32) (release func(), ok bool)

	mu     sync.Mutex
	taken  map[uint32]bool
	closed bool
}

// NewReaders returns the readers of a table. lock keeps a slot from other processes
// until it is released.
func NewReaders(t *Table, lock func(slot uint32) (release func(), ok bool)) *Readers {
	return &Readers{table: t, lock: lock, taken: map[uint32]bool{}}
}

// Close takes no slot any more. The objects may be closed afterwards.
func (r *Readers) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// slot is a reader's place in the kernel's list, with a buffer in it.
type slot struct {
	index   uint32
	release func()
	ring    *ebpf.Map
}

// takeSlot finds a place that no living process holds and puts a buffer there.
func (r *Readers) takeSlot() (*slot, error) {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_events", Type: ebpf.RingBuf, MaxEntries: RingSize})
	if err != nil {
		return nil, fmt.Errorf("create ring buffer: %w", err)
	}
	list := r.table.objects.readers
	for i := range list.MaxEntries() {
		s := &slot{index: i, ring: ring}
		if !r.claim(s) {
			continue
		}
		if err := list.Put(i, ring); err != nil {
			r.giveBack(s)
			return nil, fmt.Errorf("register ring buffer: %w", err)
		}
		return s, nil
	}
	ring.Close()
	return nil, fmt.Errorf("read events: %w", ErrNoSlot)
}

// claim reserves a slot against other goroutines of this process, and against
// other processes.
func (r *Readers) claim(s *slot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.taken[s.index] {
		return false
	}
	release, ok := r.lock(s.index)
	if !ok {
		return false
	}
	s.release = release
	r.taken[s.index] = true
	return true
}

func (r *Readers) giveBack(s *slot) {
	r.mu.Lock()
	if !r.closed {
		_ = r.table.objects.readers.Delete(s.index)
	}
	delete(r.taken, s.index)
	r.mu.Unlock()
	s.release()
	s.ring.Close()
}

// Record is what a reader of events gets: an event, or a mark, which says that all
// events from before a moment ago have been returned.
type Record struct {
	Event flow.Event
	// Origin is the tuple of the event's flow.
	Origin Origin
	// Ns is when the event was made, on the fine clock.
	Ns   uint64
	Mark bool
	// Lost events are missing before this record.
	Lost uint64
}

// Listener returns the events that were made since it was registered.
type Listener struct {
	readers *Readers
	slot    *slot
	ring    *ringbuf.Reader[kernelEvent]
}

// Listen registers a listener that misses nothing from now on.
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
	ring.Watch(func() (map[uint32]uint64, error) {
		perCPU, err := r.table.readStats()
		return eventsMade(perCPU), err
	})
	return &Listener{readers: r, slot: s, ring: ring}, nil
}

// Close gives the slot back.
func (l *Listener) Close() {
	_ = l.ring.Close()
	l.readers.giveBack(l.slot)
}

// Records returns the events and marks until ctx is done. A record is the caller's until
// it asks for the next one.
func (l *Listener) Records(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var c Clock
		var record Record
		for raw, err := range l.ring.Records(ctx) {
			if now := time.Now(); err == nil && c.outdated(now.Sub(c.Wall), now) {
				c, err = l.readers.table.ReadClock()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if record.from(&raw, c); !yield(&record, nil) {
				return
			}
		}
	}
}

func (r *Record) from(raw *ringbuf.Record[kernelEvent], c Clock) {
	e := &raw.Value
	*r = Record{
		Event: eventFromKernel(e, c), Origin: Origin{key: e.Key, reversed: eventReversed(e)},
		Ns: e.TimeNs, Mark: raw.Mark, Lost: raw.Lost,
	}
	if r.Mark {
		r.Event.Time = time.Now()
	}
}
