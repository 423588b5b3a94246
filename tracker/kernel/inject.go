package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

const (
	// loopback is the index of the loopback interface, which every network
	// namespace has. Injected packets arrive there, and none is sent.
	loopback = 1
	// minFrame is the length of the shortest packet that BPF_PROG_TEST_RUN
	// accepts, in bytes.
	minFrame = 14
)

// ErrLength means that BPF_PROG_TEST_RUN does not accept a packet of this
// length.
var ErrLength = errors.New("the kernel takes no packet of this length")

// PrepareInjection sets an output interface for injected packets.
func (t *Table) PrepareInjection() error {
	return t.setOutputs(loopback, 0, 1)
}

// SetClock sets the programs' clock. The objects must have been loaded with an
// injected clock.
func (t *Table) SetClock(c Clock) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config.InjectedTicks, t.config.InjectedNs = c.Ticks, c.Ns
	return t.writeConfig()
}

// SetSide sets the side at which the following packets arrive. If it is not
// known, a flow's reply is recognized by its tuple alone. The next SetClock
// writes this to the programs.
func (t *Table) SetSide(side int, known bool) {
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

// Inject runs a packet through the XDP program. It returns ErrLength if the
// packet is too short or too long.
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

// Queue buffers the events of injected packets.
type Queue struct {
	ring   *ebpf.Map
	reader *ringbuf.Reader
	record ringbuf.Record
	// next is the expected number of the next event in each series.
	next map[uint32]uint64
}

// NewQueue registers a queue. size is its capacity in bytes, a power of two.
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

// Next returns the next event, or nil if there is none, and the number of
// events lost before it. c converts its time.
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
	made := new(flow.Event)
	eventFromKernel(made, raw, c)
	return made, lost, nil
}

// rounded reports whether a length is a size rounded up.
func rounded(length, size int) bool { return length >= size && length < size+8 }

// refusedLength reports whether err means that the packet's length is not
// accepted.
func refusedLength(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.E2BIG)
}

// eventFromSample copies an event from a record, whose length the kernel rounds up to a
// multiple of eight bytes. Some events end early.
func eventFromSample(sample []byte) (*kernelEvent, error) {
	e := new(kernelEvent)
	size := int(unsafe.Sizeof(*e))
	fits := func(n uintptr) bool { return rounded(len(sample), int(n)) }
	if !fits(unsafe.Sizeof(*e)) && !slices.ContainsFunc(shortEvents(), fits) {
		return nil, fmt.Errorf("read an event: it has %d bytes, not %d", len(sample), size)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(e)), size), sample)
	return e, nil
}
