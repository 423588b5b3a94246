package tracker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// A table that cannot be read for a while ends nothing: the last snapshot stays,
// as old as it is, and says what is wrong until that is over. Without any
// snapshot there is nothing to show.
func TestCollectorSurvivesErrors(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	c := NewCollector(tr, CollectorOptions{})
	good, broken := tr.kernel.table, new(table{entries: clone(t, tr), filling: tr.kernel.filling})
	tr.kernel.table = broken
	if _, err := c.look(); err == nil {
		t.Fatal("no error from the first")
	}
	tr.kernel.table = good
	if _, err := c.look(); err != nil {
		t.Fatal(err)
	}
	before := c.Snapshot()
	tr.kernel.table = broken
	for range 2 {
		pause, err := c.look()
		s := c.Snapshot()
		if err != nil || pause < retryPause || len(s.Flows) != 10 || !s.Time.Equal(before.Time) ||
			!warns(s, "read the table") {
			t.Errorf("%v, pause %s, %d flows of %s, warnings %q", err, pause, len(s.Flows), s.Time, s.Warnings)
		}
	}
	tr.kernel.table = good
	if _, err := c.look(); err != nil {
		t.Fatal(err)
	}
	if s := c.Snapshot(); !s.Time.After(before.Time) || warns(s, "again") {
		t.Errorf("of %s, warnings %q", s.Time, s.Warnings)
	}
	tr.dir = t.TempDir() + "/gone"
	if _, err := c.look(); !errors.Is(err, ErrGone) {
		t.Errorf("%v of a tracker that is gone", err)
	}
}

// warns tells whether a snapshot has a warning with a word.
func warns(s *flow.Snapshot, word string) bool {
	return slices.ContainsFunc(s.Warnings.Sentences(), func(w string) bool { return strings.Contains(w, word) })
}

// clone returns a table of the tracker's that is closed already.
func clone(t *testing.T, tr *Tracker) *ebpf.Map {
	t.Helper()
	m, err := tr.kernel.flows.Clone()
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	return m
}

// The ninth reader of events has snapshots all the same, and events as soon as
// another one leaves. What it missed is counted.
func TestNinthReader(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	var slots []*slot
	for range tr.kernel.readers.MaxEntries() {
		s, err := tr.takeSlot()
		if err != nil {
			t.Fatal(err)
		}
		slots = append(slots, s)
	}
	c := NewCollector(tr, CollectorOptions{Interval: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	eventually(t, "a snapshot that says why there are no events", func() bool {
		s := c.Snapshot()
		return s != nil && warns(s, errNoSlot.Error())
	})
	first := c.Snapshot().Flows[0]
	if _, err := tr.Delete(first.Ref()); err != nil {
		t.Fatal(err)
	}
	tr.giveBack(slots[0])
	eventually(t, "snapshots without a warning", func() bool { return !warns(c.Snapshot(), "again") })
	second := c.Snapshot().Flows[0]
	if _, err := tr.Delete(second.Ref()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event", func() bool {
		events, _ := c.Events(0)
		return len(events) == 2 && events[0].Type == flow.EventLost && events[0].Lost == 1 && events[1].ID == second.ID
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, s := range slots[1:] {
		tr.giveBack(s)
	}
}

// A panic in any part is an error of one line.
func TestPanicInAPart(t *testing.T) {
	lab.Require(t)
	whole := filled(t, 10)
	for name, harm := range map[string]func(c *Collector){
		"snapshots": func(c *Collector) { c.sampler = nil },
		"events":    func(c *Collector) { c.tracker.kernel.readers = nil },
		"sweep":     func(c *Collector) { c.tracker.kernel.sweep = nil },
	} {
		t.Run(name, func(t *testing.T) {
			k := *whole.kernel
			tr := &Tracker{kernel: &k, meta: whole.meta, log: whole.log, tick: whole.tick, slots: map[uint32]bool{}}
			c := NewCollector(tr, CollectorOptions{})
			harm(c)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			err := c.Run(ctx)
			if !errors.Is(err, errPanic) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
