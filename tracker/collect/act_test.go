package collect

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A timeout that was set is in the latest snapshot at once. Who has that snapshot already
// keeps it as it was.
func TestShowTimeout(t *testing.T) {
	c := &Collector{}
	c.showTimeout(flow.TCPEstablished, time.Minute) // there is none yet
	if c.latest.Load() != nil {
		t.Fatal("there is a snapshot")
	}
	before := &flow.Snapshot{MaxFlows: 7}
	before.Timeouts[flow.TCPEstablished] = time.Hour
	before.Timeouts[flow.TCPUnacknowledged] = time.Second
	c.latest.Store(before)
	c.showTimeout(flow.TCPEstablished, time.Minute)
	now := c.latest.Load()
	if got := now.Timeouts[flow.TCPEstablished]; got != time.Minute || now.MaxFlows != 7 || now.Timeouts[flow.TCPUnacknowledged] != time.Second {
		t.Errorf("it is %v, in a snapshot of %d flows", got, now.MaxFlows)
	}
	if got := before.Timeouts[flow.TCPEstablished]; got != time.Hour {
		t.Errorf("it is %v in the snapshot from before", got)
	}
}

// Only news about a part is logged: an error that is another one, and that there is none.
func TestFaultsAreNews(t *testing.T) {
	var f faults
	for i, test := range []struct {
		err  error
		news bool
	}{{nil, false}, {errPanic, true}, {errPanic, false}, {ErrGone, true}, {nil, true}, {nil, false}} {
		if got := f.set(partSweep, test.err); got != test.news {
			t.Errorf("%d: %v is news: %t", i, test.err, got)
		}
	}
}
