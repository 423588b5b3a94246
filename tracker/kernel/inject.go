package kernel

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

const (
	// loopback is the interface that test runs come in by. It is in every
	// network namespace, and nothing is ever sent there.
	loopback = 1
	// minFrame is the shortest packet that the kernel takes.
	minFrame = 14
)

// ErrLength means that the kernel takes no packet of this length.
var ErrLength = errors.New("the kernel takes no packet of this length")

// PrepareInjection gives injected packets a way out.
func (t *Table) PrepareInjection() error {
	return t.setOutputs(loopback, 0, 1)
}

// SetClock shows the programs a time. The objects must have an injected clock.
func (t *Table) SetClock(c Clock) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config.InjectedTicks, t.config.InjectedNs = c.Ticks, c.Ns
	return t.writeConfig()
}

// ComeBy makes the following packets come in by a side. Where the side is not known,
// what goes in the other direction answers a flow, whichever side it comes in by.
// SetClock passes this on to the programs.
func (t *Table) ComeBy(side int, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config.SidesUnknown = 1
	if known {
		t.config.SidesUnknown = 0
	}
	for i := range t.config.Points {
		t.config.Points[i].Ifindex = loopback + 1
	}
	t.config.Points[side].Ifindex = loopback
}

// Inject runs a packet through the program. It returns an error that wraps ErrLength
// for a packet that is too short or too long.
func (t *Table) Inject(frame []byte) error {
	if len(frame) < minFrame {
		return ErrLength
	}
	_, err := t.objects.xdp.Run(&ebpf.RunOptions{Data: frame})
	if refusedLength(err) {
		return fmt.Errorf("%w: %w", ErrLength, err)
	}
	return err
}

// Queue holds the events of injected packets until they are read.
type Queue struct {
	ring   *ebpf.Map
	reader *ringbuf.Reader
	record ringbuf.Record
	// next is the number that the next event of each series is to have.
	next map[uint32]uint64
}

// NewQueue registers a queue with room for so many bytes.
func (t *Table) NewQueue(size int) (*Queue, error) {
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_events", Type: ebpf.RingBuf, MaxEntries: uint32(size)})
	if err != nil {
		return nil, fmt.Errorf("create ring buffer: %w", err)
	}
	q := &Queue{ring: ring, next: map[uint32]uint64{}}
	if err := t.objects.readers.Put(uint32(0), ring); err != nil {
		return nil, errors.Join(fmt.Errorf("register ring buffer: %w", err), q.Close())
	}
	if q.reader, err = ringbuf.NewReader(ring); err != nil {
		return nil, errors.Join(fmt.Errorf("open ring buffer: %w", err), q.Close())
	}
	return q, nil
}

// Close frees the queue.
func (q *Queue) Close() (err error) {
	if q.reader != nil {
		err = q.reader.Close()
	}
	q.ring.Close()
	return err
}

// Next returns the next event, dated by the clock, and how many are missing before
// it; nil where there is none.
func (q *Queue) Next(c Clock) (event *flow.Event, lost uint64, err error) {
	q.reader.SetDeadline(time.Unix(1, 0))
	err = q.reader.ReadInto(&q.record)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read ring buffer: %w", err)
	}
	raw, err := eventFromSample(q.record.RawSample)
	if err != nil {
		return nil, 0, err
	}
	series, number := eventSequence(raw)
	if expected, known := q.next[series]; known && number > expected {
		lost = number - expected
	}
	q.next[series] = number + 1
	made := eventFromKernel(raw, c)
	return &made, lost, nil
}

// refusedLength reports whether the kernel takes no packet of this length.
func refusedLength(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.E2BIG)
}

// eventFromSample copies an event out of a record, which the kernel rounds up to
// eight bytes.
func eventFromSample(sample []byte) (*kernelEvent, error) {
	e := new(kernelEvent)
	size := int(unsafe.Sizeof(*e))
	if len(sample) < size || len(sample) >= size+8 {
		return nil, fmt.Errorf("read an event: it has %d bytes, not %d", len(sample), size)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(e)), size), sample)
	return e, nil
}
