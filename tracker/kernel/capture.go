package kernel

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"

	"ctop/tracker/flow"
)

// The longest part of a packet that a capture can have (MAX_CAPTURED in capture.h), and
// the most rules of a capture.
const (
	MaxSnap  = 0xfc00
	MaxRules = len(kernelCapture{}.Rules)
)

const (
	// captureRing is the size in bytes of each processor's buffer, smallRing its
	// size where the process may not lock more memory, or there are many processors:
	// together they take captureRings at most, unless these are smallest.
	captureRing  = 4 << 20
	smallRing    = 512 << 10
	captureRings = 64 << 20
	// captureWait is how long a packet may wait for others.
	captureWait = 20 * time.Millisecond
	// drainTime is how long packets are read after the end.
	drainTime = 300 * time.Millisecond
)

// ErrNoCapture means that all slots for captures are taken.
var ErrNoCapture = errors.New("four captures run at this tracker: end one of them")

// errOldTracker means that the programs cannot capture.
var errOldTracker = errors.New("this tracker was begun by an older ctop, which cannot capture: end it with ctop down, and begin it again")

// CaptureOptions are what a capture gets. All fields must be set, but for Rules.
type CaptureOptions struct {
	// Snap is the most bytes of a packet, at most MaxSnap.
	Snap int
	// Rate is the number of packets in a second, on each processor.
	Rate int
	// Rules mark new flows with their first packet, if they fit one of the rules.
	Rules []flow.Rule
	// Hellos are all that is wanted: the first bytes of new flows (hello.h in bpf).
	Hellos bool
}

// Captures hands out captures. Its methods are safe for concurrent use. Close prevents
// further ones, so that the objects can be closed.
type Captures struct {
	*slots
	table *Table
}

// NewCaptures returns the captures of a table. lock reserves a slot among processes
// until release is called.
func NewCaptures(t *Table, lock func(slot uint32) (release func(), ok bool)) *Captures {
	return &Captures{slots: newSlots(lock), table: t}
}

// Capture gets copies of the packets of marked flows.
type Capture struct {
	captures *Captures
	slot     uint32
	begin    kernelAsked
	release  func()
	ring     *ebpf.Map
	reader   *perf.Reader
}

// Begin begins a capture.
func (c *Captures) Begin(o CaptureOptions) (*Capture, error) {
	objects := c.table.objects
	if objects.captures == nil {
		return nil, errOldTracker
	}
	x, err := c.take()
	if err != nil {
		return nil, err
	}
	if x.ring, x.reader, err = newCaptureRing(); err != nil {
		x.Close()
		return nil, fmt.Errorf("create a buffer for packets: %w", err)
	}
	if o.Hellos {
		x.begin = requestHello
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		x.Close()
		return nil, err
	}
	asked := captureToKernel(o)
	steps := []func() error{
		func() error { return objects.captureRules.Put(x.slot, &asked) },
		func() error { return objects.captureCounts.Put(x.slot, make([]kernelCopies, cpus)) },
		func() error { return objects.captures.Put(x.slot, x.ring) },
		x.Renew,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			x.Close()
			return nil, fmt.Errorf("begin a capture: %w", err)
		}
	}
	return x, nil
}

// take reserves a slot.
func (c *Captures) take() (*Capture, error) {
	for slot := range c.table.objects.captures.MaxEntries() {
		if release, ok := c.claim(slot); ok {
			return &Capture{captures: c, slot: slot, begin: requestBegin, release: release}, nil
		}
	}
	if c.isClosed() {
		return nil, os.ErrClosed
	}
	return nil, ErrNoCapture
}

// newCaptureRing creates a buffer for each processor.
func newCaptureRing() (*ebpf.Map, *perf.Reader, error) {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, nil, err
	}
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ctop_packets", Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: uint32(cpus)})
	if err != nil {
		return nil, nil, err
	}
	for _, size := range []int{ringSize(cpus), smallRing} {
		var reader *perf.Reader
		if reader, err = perf.NewReaderWithOptions(ring, size, perf.ReaderOptions{Watermark: size / 8}); err == nil {
			return ring, reader, nil
		}
	}
	return ring, nil, err
}

// ringSize returns the size of each processor's buffer.
func ringSize(cpus int) int {
	size := captureRing
	for size > smallRing && size*cpus > captureRings {
		size /= 2
	}
	return size
}

// Renew says that the capture goes on. The programs end it if a processor has no
// buffer for a packet, as one that was off before.
func (x *Capture) Renew() error { return x.ask(x.begin) }

func (x *Capture) ask(request kernelAsked) error {
	_, err := x.captures.table.ask(kernelRequest{Request: request, Slot: x.slot})
	return err
}

// Close ends the capture. Marks of flows go with their next packet.
func (x *Capture) Close() {
	x.captures.free(x.slot, func() {
		if x.reader != nil {
			_ = x.ask(requestEnd)
			_ = x.captures.table.objects.captures.Delete(x.slot)
		}
	})
	if x.reader != nil {
		_ = x.reader.Close()
	}
	if x.ring != nil {
		x.ring.Close()
	}
	x.release()
}

// Mark lets the capture have the packets of a flow, or not any more. It reports whether
// the flow lives.
func (x *Capture) Mark(ref flow.Ref, wanted bool) (lives bool, err error) {
	request := requestUnmark
	if wanted {
		request = requestMark
	}
	lives, err = x.captures.table.ask(kernelRequest{Key: keyFromTuple(ref.Tuple), Id: uint64(ref.ID), Request: request, Slot: x.slot})
	if err != nil {
		return false, fmt.Errorf("mark %s: %w", ref.Tuple, err)
	}
	return lives, nil
}

// Counts returns the packets so far.
func (x *Capture) Counts() (flow.PacketCounts, error) {
	var perCPU []kernelCopies
	var sum flow.PacketCounts
	if err := x.captures.table.objects.captureCounts.Lookup(x.slot, &perCPU); err != nil {
		return sum, fmt.Errorf("count the packets: %w", err)
	}
	for i := range perCPU {
		sum.Copied += perCPU[i].Copied
		sum.OverBudget += perCPU[i].OverBudget
		sum.NoRoom += perCPU[i].NoRoom
	}
	return sum, nil
}
