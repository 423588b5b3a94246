package e2e

import (
	"errors"
	"testing"
	"time"

	"ctop/tracker"
)

// A tracker without pins that is about to end, as after a kill, is not reported
// out of reach, since it is gone a moment later. A machine that is too busy to end it in
// time gets several tries.
func TestGoingIsWaitedFor(t *testing.T) {
	l, ctx := newLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	for range 20 {
		going, err := tracker.Open(ctx, tracker.Options{Interfaces: ports, NoPin: true})
		if err != nil {
			t.Fatal(err)
		}
		gone := make(chan time.Time, 1)
		go func() {
			time.Sleep(100 * time.Millisecond)
			if err := going.Close(); err != nil {
				t.Error(err)
			}
			gone <- time.Now()
		}()
		_, err = tracker.Join(ctx, ports[0], ports[1])
		joined := time.Now()
		at := <-gone
		checkDetached(t, l)
		if errors.Is(err, tracker.ErrNotRunning) {
			return
		}
		if at.Before(joined.Add(-time.Second)) {
			t.Fatalf("join: %v", err)
		}
		t.Logf("it took too long to end: join: %v", err)
	}
	t.Error("it never ended in time")
}
