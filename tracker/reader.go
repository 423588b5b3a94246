package tracker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cilium/ebpf"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// ringSize is a reader's buffer: room for some 23,000 events.
const ringSize = 4 << 20

const (
	// clockRefresh is how often the relation between the kernel's clock and the
	// time of day is taken anew while events are read.
	clockRefresh = time.Minute
	// clockStep is by how much somebody must have set the time of day for it to
	// be taken anew at once.
	clockStep = 100 * time.Millisecond
)

// outdated reports whether a clock no longer tells the time of day: it was read
// too long ago, or the time of day now is not what it was then and what has gone
// by since.
func (c *clock) outdated(since time.Duration, now time.Time) bool {
	moved := now.Round(0).Sub(c.wall.Round(0)) - since
	return since > clockRefresh || moved.Abs() > clockStep
}

// errNoSlot means that as many consoles read events as can.
var errNoSlot = errors.New("all reader slots are taken: close another ctop on these interfaces")

// slot is a reader's place in the kernel's list, with a buffer in it.
type slot struct {
	index uint32
	lease *lease
	ring  *ebpf.Map
}

// takeSlot finds a place that no living process holds and puts a buffer there.
func (t *Tracker) takeSlot() (*slot, error) {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_events", Type: ebpf.RingBuf, MaxEntries: ringSize})
	if err != nil {
		return nil, fmt.Errorf("create ring buffer: %w", err)
	}
	for i := range t.kernel.readers.MaxEntries() {
		s := &slot{index: i, ring: ring}
		if !t.claim(s) {
			continue
		}
		if err := t.kernel.readers.Put(i, ring); err != nil {
			t.giveBack(s)
			return nil, fmt.Errorf("register ring buffer: %w", err)
		}
		return s, nil
	}
	ring.Close()
	return nil, fmt.Errorf("read events: %w", errNoSlot)
}

// claim reserves a slot against other goroutines of this process, and against
// other processes by a lock on a directory beside the pins.
func (t *Tracker) claim(s *slot) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.slots[s.index] {
		return false
	}
	if t.dir != "" {
		path := filepath.Join(t.dir, "reader"+strconv.Itoa(int(s.index)))
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return false
		}
		l, ok, err := takeLease(path)
		if err != nil || !ok {
			return false
		}
		s.lease = l
	}
	t.slots[s.index] = true
	return true
}

func (t *Tracker) giveBack(s *slot) {
	t.mu.Lock()
	if !t.closed {
		_ = t.kernel.readers.Delete(s.index)
	}
	delete(t.slots, s.index)
	t.mu.Unlock()
	s.lease.release()
	s.ring.Close()
}

// Events returns the events from now on until ctx is done, in the order in which
// they were made on each CPU, with an EventLost where some are missing. What those
// would have told is made up for by the table, some seconds later at the earliest
// ([flow.Event.Recovered]): whoever keeps account of the flows by their events has
// exactly those of the table in the end. Every caller gets all events; at most
// eight may read at once.
func (t *Tracker) Events(ctx context.Context) iter.Seq2[flow.Event, error] {
	return t.events(ctx, func() {})
}

// events is [Tracker.Events], which tells when it listens.
func (t *Tracker) events(ctx context.Context, listens func()) iter.Seq2[flow.Event, error] {
	return func(yield func(flow.Event, error) bool) {
		s, reader, err := t.openReader()
		if err != nil {
			yield(flow.Event{}, err)
			return
		}
		defer t.giveBack(s)
		defer func() { _ = reader.Close() }()
		l, err := newLedger(t)
		if err != nil {
			yield(flow.Event{}, err)
			return
		}
		defer l.close()
		listens()
		var c clock
		for record, err := range reader.Records(ctx) {
			if now := time.Now(); err == nil && c.outdated(now.Sub(c.wall), now) {
				c, err = t.readClock()
			}
			if err == nil && record.Mark {
				err = l.mark()
			}
			if err != nil {
				yield(flow.Event{}, err)
				return
			}
			if !l.tell(&record, c, yield) {
				return
			}
		}
	}
}

// openReader registers a reader that misses nothing from now on.
func (t *Tracker) openReader() (*slot, *ringbuf.Reader[kernelEvent], error) {
	s, err := t.takeSlot()
	if err != nil {
		return nil, nil, err
	}
	perCPU, err := t.readStats()
	if err != nil {
		t.giveBack(s)
		return nil, nil, err
	}
	reader, err := ringbuf.NewReader(s.ring, eventSequence, eventsMade(perCPU))
	if err != nil {
		t.giveBack(s)
		return nil, nil, err
	}
	reader.Watch(func() (map[uint32]uint64, error) {
		perCPU, err := t.readStats()
		return eventsMade(perCPU), err
	})
	return s, reader, nil
}
