package e2e

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// follower derives the set of flows from their events only.
type follower struct {
	// stopped is closed at the first event. Nothing is read from then on until
	// resume is closed.
	stopped, resume chan struct{}

	mu        sync.Mutex
	states    map[flow.ID]flow.State
	lost      uint64
	recovered int
	faults    []string
}

// follow reads events. After the first one it stops until it is resumed.
func (f *follower) follow(ctx context.Context, t *testing.T, tr *tracker.Tracker) {
	var once sync.Once
	for e, err := range tr.Events(ctx) {
		if err != nil {
			t.Error(err)
			return
		}
		f.take(&e)
		once.Do(func() { close(f.stopped) })
		<-f.resume
	}
}

// wait pings until there is an event, and records the flows at that moment as
// known.
func (f *follower) wait(r *rig) {
	r.t.Helper()
	r.eventually("an event", func() bool {
		if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
			r.t.Fatal(err)
		}
		select {
		case <-f.stopped:
			return true
		default:
			return false
		}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range r.flows("") {
		f.states[one.ID] = one.State
	}
}

func (f *follower) take(e *flow.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Recovered {
		f.recovered++
		f.check(e)
	}
	switch e.Type {
	case flow.EventLost:
		f.lost += e.Lost
	case flow.EventDestroy:
		delete(f.states, e.ID)
	default:
		f.states[e.ID] = e.To
	}
}

// check checks that a recovered event was really missing.
func (f *follower) check(e *flow.Event) {
	if known := f.states[e.ID]; known != e.From || e.Type == flow.EventUpdate && e.To == e.From {
		f.faults = append(f.faults, fmt.Sprintf("%s of %s in %s: %s → %s", e.Type, e.Tuple, known, e.From, e.To))
	}
}

// differs returns how the derived set differs from the table and the kernel's
// count.
func (f *follower) differs(s *flow.Snapshot) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	table := map[flow.ID]flow.State{}
	for _, f := range s.Flows {
		table[f.ID] = f.State
	}
	if f.lost != s.Counters.EventsLost {
		return fmt.Errorf("%d lost, the kernel counted %d", f.lost, s.Counters.EventsLost)
	}
	if !maps.Equal(table, f.states) {
		return fmt.Errorf("%d flows by events, %d in the table, or in other states", len(f.states), len(table))
	}
	return nil
}

// A reader that stops under churn learns exactly how many events it missed, and
// recovers their content: in the end it knows the flows of the table from
// events only.
func TestRingOverflow(t *testing.T) {
	l, ctx := newLab(t)
	tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}, MaxFlows: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	r := &rig{Lab: l, t: t, ctx: ctx, tracker: tr, collector: tracker.NewCollector(tr, tracker.CollectorOptions{})}
	// The reader also knows flows from before its start.
	r.connect(r.Server.Addr4())

	f := &follower{stopped: make(chan struct{}), resume: make(chan struct{}), states: map[flow.ID]flow.State{}}
	reading, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { f.follow(reading, t, tr) })
	f.wait(r)
	client, server := r.connect(r.Server.Addr6())
	r.overflow()
	// These flows end, change and start while nobody reads.
	_ = client.Close()
	_ = server.Close()
	r.eventually("an ended connection", func() bool { return len(r.flows("tcp")) > 0 })
	r.connect(r.Server.Addr4())
	for _, f := range r.flows("")[:100] {
		if _, err := tr.Act(t.Context(), flow.Deletion(f.Ref())); err != nil {
			t.Fatal(err)
		}
	}
	close(f.resume)

	var s *flow.Snapshot
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(50 * time.Millisecond) {
		if s, err = tr.Snapshot(); err != nil {
			t.Fatal(err)
		}
		if err = f.differs(s); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Logf("%d events, %d of them lost, %d recovered, %d flows", s.Counters.Events, f.lost, f.recovered, len(s.Flows))
	if f.lost == 0 || f.recovered == 0 {
		t.Error("nothing was lost, or nothing recovered")
	}
	for _, fault := range f.faults {
		t.Error("recovered what was not missing:", fault)
	}
}

// overflow creates flows until events are lost.
func (r *rig) overflow() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		floods[0].send(ctx, r.t, r, 1)
	}()
	defer func() { cancel(); <-done }()
	r.eventually("lost events", func() bool {
		s, err := r.tracker.Snapshot()
		if err != nil {
			r.t.Fatal(err)
		}
		return s.Counters.EventsLost > 1000
	})
}
