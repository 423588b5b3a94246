package collect

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"ctop/tracker/flow"
)

// A snapshot of a large table waits until the last but one is garbage, but not for ever.
// The clock is a simulated one, so a busy machine changes nothing.
func TestPacerWaits(t *testing.T) {
	if _, given := os.LookupEnv("GOGC"); given {
		t.Setenv("GOGC", "") // so that it is restored
		if err := os.Unsetenv("GOGC"); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, testPacerWaits)
}

func testPacerWaits(t *testing.T) {
	of := func() *flow.Snapshot { return &flow.Snapshot{Flows: make([]flow.Flow, largeTable)} }
	var p pacer
	defer p.next(t.Context(), &flow.Snapshot{})
	first, second, third := of(), of(), of()
	p.next(t.Context(), first)
	gone := weak.Make(&first.Flows[0])
	held := make(chan *flow.Snapshot, 1)
	held <- first
	first = nil
	time.AfterFunc(lookAgain, func() { <-held }) // as one who still encodes it
	p.next(t.Context(), second)
	if gone.Value() != nil {
		t.Error("the next snapshot would be the third in memory")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.next(ctx, third)
	if len(p.taken) != 1 || p.taken[0] != weak.Make(&third.Flows[0]) {
		t.Error("it waits again for a snapshot that somebody keeps")
	}
	runtime.KeepAlive(second)
	runtime.KeepAlive(third)
}

// The larger the table, the smaller is the share of garbage, and a small one has Go's default.
func TestPacerPercent(t *testing.T) {
	if _, given := os.LookupEnv("GOGC"); given {
		t.Setenv("GOGC", "") // so that it is restored
		if err := os.Unsetenv("GOGC"); err != nil {
			t.Fatal(err)
		}
	}
	var p pacer
	defer p.next(t.Context(), &flow.Snapshot{})
	for _, step := range []struct{ flows, want int }{
		{1, 100}, {largeTable - 1, 100}, {largeTable, 25}, {hugeTable, 10}, {hugeTable - 1, 25}, {0, 100},
	} {
		p.next(t.Context(), &flow.Snapshot{Flows: make([]flow.Flow, step.flows)})
		if got := percentNow(); got != step.want {
			t.Errorf("with %d flows garbage may be %d %% of what is live, want %d", step.flows, got, step.want)
		}
	}
}

// percentNow returns the current percentage of the garbage collector.
func percentNow() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}
