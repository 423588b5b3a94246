package collect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// lingering takes an hour to stop looking after the interfaces.
type lingering struct {
	*fake
	ended bool
}

func (l *lingering) Maintain(ctx context.Context, _ func(flow.Warnings)) error {
	<-ctx.Done()
	time.Sleep(time.Hour)
	l.ended = true
	return nil
}

// When a collector has ended, nothing of it uses the tracker any more: that is closed next.
func TestRunWaitsForItsParts(t *testing.T) {
	lab.Require(t)
	tr := &lingering{fake: filled(t, 10)}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := New(tr, Options{}).Run(ctx); err != nil || !tr.ended {
			t.Errorf("the last part has ended: %t, error %v", tr.ended, err)
		}
	})
}
