package collect

import (
	"context"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// idleAfter is how long snapshots are still taken after somebody last asked for one.
const idleAfter = 10 * time.Second

// firstRate is the interval that the rates of the first snapshot after a pause cover.
const firstRate = 250 * time.Millisecond

// demand notes whether anybody reads snapshots.
type demand struct {
	mu sync.Mutex
	// asked is when somebody last did.
	asked time.Time
	// woken is not nil while no snapshots are taken; it is closed when somebody asks.
	woken chan struct{}
	// taken is not nil while a snapshot is awaited; it is closed when there is one.
	taken chan struct{}
}

// ask notes that somebody reads snapshots, and waits for one if none are taken.
func (d *demand) ask() {
	d.mu.Lock()
	d.asked = time.Now()
	taken := d.taken
	if d.woken != nil {
		close(d.woken)
		d.woken = nil
	}
	d.mu.Unlock()
	if taken != nil {
		<-taken
	}
}

// pause begins a time without snapshots if nobody asked for one for so long. It
// returns a channel that is closed when somebody asks, or nil.
func (d *demand) pause(after time.Duration) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.asked) < after {
		return nil
	}
	d.woken, d.taken = make(chan struct{}), make(chan struct{})
	return d.woken
}

// serve lets those go on who wait for a snapshot.
func (d *demand) serve() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken != nil {
		close(d.taken)
	}
	d.woken, d.taken = nil, nil
}

// doze looks at counters and interfaces only until somebody asks for a snapshot. It
// forgets the latest snapshot, and reads what the rates of the next one begin with.
func (c *Collector) doze(ctx context.Context, woken <-chan struct{}) error {
	c.latest.Store(nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
			if err := c.sampler.Begin(); err == nil {
				rest(ctx, min(firstRate, c.interval))
			}
			return nil
		case <-time.After(c.interval):
			if err := c.glance(); err != nil {
				return err
			}
		}
	}
}

// glance looks at counters and interfaces.
func (c *Collector) glance() error {
	if c.source.Gone() {
		return ErrGone
	}
	s, err := c.source.Status()
	if c.fault(partSnapshots, err); err == nil {
		c.watchdog.watch(c.source, s)
		c.status.Store(s)
	}
	return nil
}

// Status returns the latest look at the tracker: a snapshot, or one without flows and
// rates while nobody reads snapshots. It is nil before the first.
func (c *Collector) Status() *flow.Snapshot { return c.status.Load() }
