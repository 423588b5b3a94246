package collect

import (
	"context"
	"time"

	"ctop/tracker/flow"
)

// Act works like [kernel.Table.Act]. A changed timeout also appears in the
// latest snapshot at once.
func (c *Collector) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	outcome, err := c.source.Table().Act(ctx, act)
	if err == nil && act.Kind == flow.ActTimeout {
		c.showTimeout(act.Timeout, act.Duration)
	}
	return outcome, err
}

// showTimeout publishes a copy of the latest snapshot with a changed timeout,
// so that a reader does not see the old value after the act.
func (c *Collector) showTimeout(name flow.TimeoutName, d time.Duration) {
	for {
		latest := c.latest.Load()
		if latest == nil {
			return
		}
		s := *latest
		s.Timeouts[name] = d
		if c.latest.CompareAndSwap(latest, &s) {
			return
		}
	}
}
