package collect

import (
	"context"
	"time"

	"ctop/tracker/flow"
)

// Act is [kernel.Table.Act]. The latest snapshot has a changed timeout at once.
func (c *Collector) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	outcome, err := c.source.Table().Act(ctx, act)
	if err == nil && act.Kind == flow.ActTimeout {
		c.showTimeout(act.Timeout, act.Duration)
	}
	return outcome, err
}

// showTimeout publishes the latest snapshot again with a timeout that was changed
// since: whoever lists the timeouts after the act does not see the old one.
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
