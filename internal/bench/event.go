package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// openings is the number of conversations of one sample. Their events fit into
// a reader's ring buffer.
const openings = 3800

// One row, and the number of events a second that one reader should reach.
const (
	eventsRead   = "events read"
	eventsWanted = 500_000
)

// eventRows measures how fast one reader, with ring buffer and tracker, reads
// events. As many as the buffer holds are emitted while it waits, and then
// read.
func eventRows(ctx context.Context, o Options) ([]Row, error) {
	r, err := newRig(ctx, 1, byNative, smallTable)
	if err != nil {
		return nil, err
	}
	defer r.close()
	g, err := newGenerator(r)
	if err != nil {
		return nil, err
	}
	return interleave(ctx, o.rounds(20, 5), []probe{{
		name: eventsRead, unit: "/s", take: g.measure,
		note: func() string { return fmt.Sprintf("%d a sample, %d lost", g.made, g.lost) },
	}})
}

// generator emits events by sending whole conversations to a rig's program.
type generator struct {
	*rig
	stage      *ebpf.Collection
	data       []byte
	made, lost int
}

func newGenerator(r *rig) (*generator, error) {
	f := frame{proto: protoTCP, flags: flagSYN}
	g := &generator{rig: r, data: f.bytes()}
	var err error
	if g.stage, err = loadReference(1, 0); err != nil {
		return nil, err
	}
	r.stop = append(r.stop, g.stage.Close)
	program, err := ebpf.LoadPinnedProgram(r.pin(progCtop), nil)
	if err != nil {
		return nil, err
	}
	r.stop = append(r.stop, func() { program.Close() })
	if err := forgetSides(program); err != nil {
		return nil, err
	}
	return g, f.inOrder(conversation()).apply(g.stage, program)
}

// forgetSides makes a tracker use a packet's direction as its side, since all
// packets of a test run arrive on one interface.
func forgetSides(program *ebpf.Program) error {
	info, err := program.Info()
	if err != nil {
		return fmt.Errorf("ask for the tracker's maps: %w", err)
	}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return fmt.Errorf("open a map of the tracker: %w", err)
		}
		defer m.Close()
		about, err := m.Info()
		if err != nil {
			return fmt.Errorf("ask for a map of the tracker: %w", err)
		}
		if about.Name != ".data.config" {
			continue
		}
		var config bpf.ConntrackTrackerConfig
		if err := m.Lookup(uint32(0), &config); err != nil {
			return fmt.Errorf("read the tracker's configuration: %w", err)
		}
		config.SidesUnknown = 1
		return m.Put(uint32(0), config)
	}
	return errors.New("the tracker's program has no configuration")
}

// measure emits events while the reader waits, and then measures how long
// reading them takes.
func (g *generator) measure(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	before, err := g.tracker.Snapshot()
	if err != nil {
		return 0, err
	}
	made := make(chan int, 1)
	ready := make(chan struct{})
	result := make(chan readResult, 1)
	go func() { result <- g.read(ctx, ready, made) }()
	// The first events only show that the reader is ready.
	for ready != nil {
		if err := g.converse(1); err != nil {
			return 0, err
		}
		select {
		case <-ready:
			ready = nil
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for the reader of events: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := g.converse(openings); err != nil {
		return 0, err
	}
	after, err := g.tracker.Snapshot()
	if err != nil {
		return 0, err
	}
	g.made = int(after.Counters.Events - before.Counters.Events)
	g.lost += int(after.Counters.EventsLost - before.Counters.EventsLost)
	made <- g.made - g.lost
	read := <-result
	return read.rate, read.err
}

type readResult struct {
	rate float64
	err  error
}

// read waits after the first event until the others have been emitted, and then
// measures how long reading them takes.
func (g *generator) read(ctx context.Context, ready chan<- struct{}, made <-chan int) readResult {
	var started time.Time
	var want, seen int
	for event, err := range g.tracker.Events(ctx) {
		if err != nil {
			return readResult{err: err}
		}
		if event.Type == flow.EventLost {
			return readResult{err: fmt.Errorf("%d events were lost", event.Lost)}
		}
		if started.IsZero() {
			close(ready)
			want, started = <-made, time.Now()
		}
		if seen++; seen >= want {
			return readResult{rate: float64(seen) / time.Since(started).Seconds()}
		}
	}
	return readResult{err: fmt.Errorf("the events did not come: %d of %d", seen, want)}
}

// converse opens, uses and closes connections.
func (g *generator) converse(n int) error {
	_, err := timed(g.stage.Programs[progStage], g.data, n*len(conversation()), xdpRedirect)
	return err
}
