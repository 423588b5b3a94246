package collect

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/lab"
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
		reads, glances := tr.reads.Load(), tr.glances.Load()
		time.Sleep(time.Minute)
		if n := tr.reads.Load() - reads; n != 0 {
			t.Errorf("the table was read %d times for nobody", n)
		}
		if n := tr.glances.Load() - glances; n < 55 || n > 65 {
			t.Errorf("the counters were read %d times in a minute", n)
		}
		if s := c.Status(); s == nil || s.Flows != nil {
			t.Errorf("the status is %v", s)
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
				tr.broken = context.DeadlineExceeded
			}
			<-asked
			cancel()
			wg.Wait()
			tr.broken = nil
		})
	}
}
