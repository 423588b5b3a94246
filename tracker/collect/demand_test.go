package collect

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// While nobody asks for snapshots the table is not read, and counters still are. Whoever
// asks then gets a snapshot that is taken after the question.
func TestNobodyReads(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	synctest.Test(t, func(t *testing.T) {
		c := New(tr, Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := c.observe(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if s := c.Snapshot(); s == nil || len(s.Flows) != 10 {
			t.Fatalf("the first snapshot is %v", s)
		}
		time.Sleep(idleAfter + 2*defaultInterval)
		slow := *c.Status()
		slow.Took = time.Minute
		c.status.Store(&slow)
		reads, glances := tr.reads.Load(), tr.glances.Load()
		time.Sleep(time.Minute)
		if n := tr.reads.Load() - reads; n != 0 {
			t.Errorf("the table was read %d times for nobody", n)
		}
		if n := tr.glances.Load() - glances; n < 55 || n > 65 {
			t.Errorf("the counters were read %d times in a minute", n)
		}
		if s := c.Status(); s == nil || s.Flows != nil || s.Took != time.Minute {
			t.Errorf("the status has flows, or says that reading them took %s", s.Took)
		}
		if s := c.Snapshot(); s == nil || len(s.Flows) != 10 || tr.reads.Load() != reads+1 {
			t.Errorf("after the pause: %v, %d reads", s, tr.reads.Load()-reads)
		}
		cancel()
		wg.Wait()
	})
}

// Whoever waits for a snapshot is not left waiting: a table that cannot be read, or the
// end of the collector, lets it go on.
func TestWaitingReader(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	for _, end := range []bool{false, true} {
		synctest.Test(t, func(*testing.T) {
			c := New(tr, Options{})
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			wg.Go(func() { _ = c.observe(ctx) })
			time.Sleep(idleAfter + 2*defaultInterval)
			asked := make(chan struct{})
			wg.Go(func() {
				c.Snapshot()
				close(asked)
			})
			if end {
				cancel()
			} else {
				tr.broken.Store(&context.DeadlineExceeded)
			}
			<-asked
			cancel()
			wg.Wait()
			tr.broken.Store(nil)
		})
	}
}

// A reader may be stopped, as by SIGSTOP, between its question and its look at the
// latest snapshot, for so long that the collector pauses. It gets a snapshot all the
// same, and none only where there never was one or the collector has ended.
func TestReaderStopped(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 1)
	c := New(tr, Options{})
	if s := c.Snapshot(); s != nil {
		t.Fatalf("before the first: %v", s)
	}
	c.publish(&flow.Snapshot{}) // before anybody asks
	const each = 20_000
	done := make(chan struct{})
	var missing int
	go func() {
		defer close(done)
		for range each {
			if c.Snapshot() == nil {
				missing++
			}
		}
	}()
	for running := true; running; {
		c.publish(&flow.Snapshot{})
		woken := c.demand.pause(0)
		c.latest.Store(nil)
		select {
		case <-woken:
		case <-done:
			running = false
		}
	}
	c.demand.serve()
	if missing > 0 {
		t.Errorf("%d of %d readers got nothing", missing, each)
	}
	if s := c.Snapshot(); s != nil {
		t.Errorf("after the end: %v", s)
	}
}

// The first rates after a pause cover a quarter of a second, or an interval if that is
// shorter.
func TestFirstRatesAfterAPause(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 1)
	for interval, want := range map[time.Duration]time.Duration{time.Second: 250 * time.Millisecond, 100 * time.Millisecond: 100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			c := New(tr, Options{Interval: interval})
			woken := make(chan struct{})
			close(woken)
			begin := time.Now()
			if err := c.doze(t.Context(), woken); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took != want {
				t.Errorf("every %s: the first snapshot waits for %s", interval, took)
			}
		})
	}
}
