package collect

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/kernel/kerneltest"
)

// fake is a tracker that is attached to nothing, and fails on request.
type fake struct {
	table   *kernel.Table
	readers *kernel.Readers
	flows   int
	broken  atomic.Pointer[error]
	gone    bool
	// panics is the part that panics.
	panics string
	// reads and glances count snapshots with and without flows.
	reads, glances atomic.Int64
}

func filled(tb testing.TB, n int) *fake {
	_, table := kerneltest.Filled(tb, n)
	anybody := func(uint32) (func(), bool) { return func() {}, true }
	return &fake{table: table, readers: kernel.NewReaders(table, anybody), flows: n * 11 / 10}
}

func (f *fake) Snapshot(r *kernel.Rates) (*flow.Snapshot, error) {
	if f.panics == partSnapshots {
		panic("made up")
	}
	f.reads.Add(1)
	return f.read(func(c kernel.Clock) (*flow.Snapshot, error) { return f.table.Read(c, r) })
}

func (f *fake) Status() (*flow.Snapshot, error) {
	f.glances.Add(1)
	return f.read(f.table.Status)
}

func (f *fake) read(read func(kernel.Clock) (*flow.Snapshot, error)) (*flow.Snapshot, error) {
	if broken := f.broken.Load(); broken != nil {
		return nil, *broken
	}
	c, err := f.table.ReadClock()
	if err != nil {
		return nil, err
	}
	s, err := read(c)
	if err == nil {
		s.MaxFlows = f.flows
	}
	return s, err
}

func (f *fake) Table() *kernel.Table { return f.table }

func (f *fake) Readers() *kernel.Readers {
	if f.panics == partEvents {
		panic("made up")
	}
	return f.readers
}

func (f *fake) Owned() bool {
	if f.panics == partSweep {
		panic("made up")
	}
	return true
}

func (f *fake) Maintain(ctx context.Context, report func(flow.Warnings)) error {
	if f.panics == partInterfaces {
		panic("made up")
	}
	report(flow.Warnings{{Kind: flow.WarningInterfaces, Detail: "an interface is gone"}})
	<-ctx.Done()
	return nil
}

func (f *fake) MaxFlows() int { return f.flows }
func (f *fake) Gone() bool    { return f.gone }

func (f *fake) Inspect(context.Context, flow.Ref) (flow.Inspection, error) {
	return flow.Inspection{}, nil
}
func (*fake) WhyNotSent(int) string  { return "for no reason" }
func (*fake) Log() *slog.Logger      { return slog.New(slog.DiscardHandler) }
func (f *fake) Interfaces() []string { return []string{"veth1", "veth2"} }

// A table that cannot be read for a while ends nothing: the last snapshot stays,
// as old as it is, and says what is wrong until that is over. Without any
// snapshot there is nothing to show.
func TestCollectorSurvivesErrors(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	c := New(tr, Options{})
	broken := errors.New("read the table: it is broken")
	tr.broken.Store(&broken)
	if _, err := c.look(t.Context()); err == nil {
		t.Fatal("no error from the first")
	}
	tr.broken.Store(nil)
	if _, err := c.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := c.Snapshot()
	tr.broken.Store(&broken)
	for range 2 {
		pause, err := c.look(t.Context())
		s := c.Snapshot()
		if err != nil || pause < retryPause || len(s.Flows) != 10 || !s.Time.Equal(before.Time) ||
			!warns(s, "read the table") {
			t.Errorf("%v, pause %s, %d flows of %s, warnings %q", err, pause, len(s.Flows), s.Time, s.Warnings)
		}
	}
	tr.broken.Store(nil)
	if _, err := c.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := c.Snapshot(); !s.Time.After(before.Time) || warns(s, "again") {
		t.Errorf("of %s, warnings %q", s.Time, s.Warnings)
	}
	tr.gone = true
	if _, err := c.look(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("%v of a tracker that is gone", err)
	}
}

// warns reports whether a snapshot has a warning with a word.
func warns(s *flow.Snapshot, word string) bool {
	return slices.ContainsFunc(s.Warnings.Sentences(), func(w string) bool { return strings.Contains(w, word) })
}

// The ninth reader of events has snapshots all the same, and events as soon as
// another one leaves. What it missed is counted.
func TestNinthReader(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	var others []*kernel.Listener
	for range 8 {
		l, err := tr.readers.Listen()
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, l)
	}
	c := New(tr, Options{Interval: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	eventually(t, "a snapshot that says why there are no events", func() bool {
		s := c.Snapshot()
		return s != nil && warns(s, kernel.ErrNoSlot.Error())
	})
	first := c.Snapshot().Flows[0]
	if _, err := tr.table.Delete(first.Ref()); err != nil {
		t.Fatal(err)
	}
	others[0].Close()
	eventually(t, "snapshots without a warning", func() bool { return !warns(c.Snapshot(), "again") })
	// The table may have been read before the first one was deleted.
	flows := c.Snapshot().Flows
	second := flows[slices.IndexFunc(flows, func(f flow.Flow) bool { return f.ID != first.ID })]
	if _, err := tr.table.Delete(second.Ref()); err != nil {
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
	for _, l := range others[1:] {
		l.Close()
	}
}

// A panic in any part is an error of one line.
func TestPanicInAPart(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	for _, name := range []string{partSnapshots, partEvents, partSweep, partInterfaces} {
		t.Run(name, func(t *testing.T) {
			tr.panics = name
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err := New(tr, Options{}).Run(ctx)
			if !errors.Is(err, errPanic) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A snapshot has the problems of the interfaces, as the latest report has them.
func TestTroubleIsShown(t *testing.T) {
	lab.Require(t)
	c := New(filled(t, 1), Options{})
	for _, want := range []bool{false, true, false} {
		if want {
			c.trouble.Store(&flow.Warnings{{Kind: flow.WarningInterfaces, Detail: "an interface is gone"}})
		} else {
			c.trouble.Store(&flow.Warnings{})
		}
		if _, err := c.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := warns(c.Snapshot(), "an interface is gone"); got != want {
			t.Errorf("it warns: %t, not %t", got, want)
		}
	}
}
