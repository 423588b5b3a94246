package e2e

import (
	"errors"
	"testing"
	"time"

	"ctop/tracker"
)

// A tracker without pins that is about to end, as after a kill, is not reported
// out of reach, since it is gone a moment later.
func TestGoingIsWaitedFor(t *testing.T) {
	l, ctx := newLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	going, err := tracker.Open(ctx, tracker.Options{Interfaces: ports, NoPin: true})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() {
		time.Sleep(100 * time.Millisecond)
		closed <- going.Close()
	}()
	if _, err := tracker.Join(ctx, ports[0], ports[1]); !errors.Is(err, tracker.ErrNotRunning) {
		t.Errorf("join: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	checkDetached(t, l)
}
