package collect

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// What looks at snapshots sees all of them before others do, although nobody reads them.
func TestLook(t *testing.T) {
	f := filled(t, 10)
	var looked atomic.Int64
	c := New(f, Options{Interval: time.Millisecond, Look: func(s *flow.Snapshot) time.Duration {
		looked.Add(1)
		s.Alerts = []flow.Alert{{Name: "one", Flows: len(s.Flows)}}
		return time.Microsecond
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.observe(ctx) }()
	for looked.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	if f.glances.Load() > 0 {
		t.Error("it dozes")
	}
	if s := c.Snapshot(); len(s.Alerts) != 1 || s.Alerts[0].Flows != 10 {
		t.Errorf("alerts are %+v", s.Alerts)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The cost of looking delays the next snapshot: it takes a tenth of a processor at most.
func TestLookIsPaced(t *testing.T) {
	c := New(filled(t, 10), Options{Interval: time.Millisecond, Look: func(*flow.Snapshot) time.Duration { return time.Second }})
	if pause, err := c.collect(t.Context()); err != nil || pause < 10*time.Second {
		t.Errorf("the next snapshot comes after %s, %v", pause, err)
	}
}
