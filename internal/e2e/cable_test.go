package e2e

import (
	"context"
	"slices"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
)

// The cable is pulled and put back: the tracker says so, attaches again by
// itself, forwards, and has its flows.
func TestCable(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			r.connect(r.Server.Addr4())
			id := r.flow("tcp", tracker.StateEstablished).ID
			if err := r.Unplug(r.Server); err != nil {
				t.Fatal(err)
			}
			gone := r.Server.Port() + " gone"
			r.eventually(gone, func() bool { return slices.Contains(r.collector.Snapshot().Warnings, gone) })
			if err := r.Plug(r.Server); err != nil {
				t.Fatal(err)
			}
			r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			r.eventually("a ping", func() bool {
				ctx, cancel := context.WithTimeout(r.ctx, patience)
				defer cancel()
				_, err := lab.Ping(ctx, r.Client, r.Server.Addr4())
				return err == nil
			})
			if f := r.flow("tcp", tracker.StateEstablished); f.ID != id {
				t.Errorf("the flow is %v, it was %v", f.ID, id)
			}
			r.stop()
			checkDetached(t, r.Lab)
		})
	}
}
