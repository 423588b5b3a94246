package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/ringbuf"
)

// creations is the number of flows that one sample creates. Their events fit
// into a reader's ring buffer.
const creations = 8192

// creation measures packets that create or remove flows.
type creation struct {
	*programs
	cpu  int
	ring *ebpf.Map
	// stop ends the reader.
	stop func()
}

// creationRows measures the cost of creating and ending flows.
func creationRows(ctx context.Context, o Options) ([]Row, error) {
	c, err := newCreation(ctx, "")
	if err != nil {
		return nil, err
	}
	defer c.close()
	return interleave(ctx, o.rounds(60, 5), c.probes())
}

// newCreation loads one build, and starts a reader for its events.
func newCreation(ctx context.Context, object string) (c creation, err error) {
	c = creation{cpu: packetCPU, stop: func() {}}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.programs, err = loadPrograms(smallTable, object, false); err != nil {
		return c, err
	}
	if c.ring, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 4 << 20}); err != nil {
		return c, fmt.Errorf("create ring buffer: %w", err)
	}
	reader, err := ringbuf.NewReader(c.ring, func(e *bpf.ConntrackEvent) (uint32, uint64) { return e.Cpu, e.Sequence }, nil)
	if err != nil {
		return c, err
	}
	reader.Short(unsafe.Offsetof(bpf.ConntrackEvent{}.CreatedNs), unsafe.Offsetof(bpf.ConntrackEvent{}.Owner))
	read, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range reader.Records(read) {
			// Another build's events may be of another size.
			if err != nil && !errors.Is(err, ringbuf.ErrSize) {
				return
			}
		}
	}()
	c.stop = func() {
		stop()
		<-done
		_ = reader.Close()
	}
	return c, nil
}

func (c creation) close() {
	c.stop()
	_ = c.ring.Close()
	if c.programs != nil {
		c.programs.close()
	}
}

func (c creation) probes() []probe {
	syn := []step{{flags: flagSYN, seq: clientSeq}}
	return []probe{
		c.probe("redirect, a new flow each", progRedirect, syn, nil),
		c.probe("bare insert", progInsert, syn, nil),
		c.probe("ctop SYN that creates", progCtop, syn, nil),
		c.probe("ctop SYN that creates, event read", progCtop, syn, c.attach),
		c.probe("ctop conversation of 10 packets", progCtop, conversation(), nil),
		c.probe("ctop SYN to an expired flow", progCtop, syn, c.expire),
	}
}

// probe measures one script for each of many new flows; prepare runs before.
func (c creation) probe(name, prog string, script []step, prepare func() error) probe {
	f := frame{proto: protoTCP, flags: flagSYN}
	data, stage := f.bytes(), f.inOrder(script)
	return probe{name: name, unit: "ns", take: func(context.Context) (float64, error) {
		if prepare != nil {
			if err := prepare(); err != nil {
				return 0, err
			}
		}
		if err := stage.apply(c.reference, c.program(prog)); err != nil {
			return 0, err
		}
		ns, err := perPacket(c.program(progPass), c.program(progStage), data, creations*len(script), xdpRedirect)
		if err != nil {
			return 0, err
		}
		return ns * float64(len(script)), c.tidy(prog, script)
	}}
}

// tidy empties the table, and checks the number of flows that were in it.
func (c creation) tidy(prog string, script []step) error {
	_ = c.ctop.Maps["readers"].Delete(uint32(0))
	// Give the reader some time.
	time.Sleep(time.Millisecond)
	n, err := empty(c.program(progCtop))
	if prog == progInsert {
		n, err = emptyHash(c.reference.Maps["flows"])
	}
	if err != nil {
		return err
	}
	want := creations
	if prog == progRedirect || len(script) > 1 {
		want = 0
	}
	if n != want {
		return fmt.Errorf("%d flows are in the table, not %d", n, want)
	}
	return nil
}

// attach gives the events to a reader.
func (c creation) attach() error { return c.ctop.Maps["readers"].Put(uint32(0), c.ring) }

// expire inserts flows that have been idle for long.
func (c creation) expire() error {
	return fill(c.program(progCtop), dataFrame(), creations, 0, c.cpu)
}
