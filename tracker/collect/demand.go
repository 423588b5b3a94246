package collect

import (
	"context"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// idleAfter is how long snapshots are taken after the last call of Snapshot.
const idleAfter = 10 * time.Second

// firstRate is the time that the rates of the first snapshot after a pause
// cover.
const firstRate = 250 * time.Millisecond

// demand records whether anybody reads snapshots.
type demand struct {
	mu sync.Mutex
	// asked is the time of the last request.
	asked time.Time
	// woken is not nil during a pause. It is closed when somebody requests a
	// snapshot.
	woken chan struct{}
	// taken is not nil from a pause until the next snapshot. It is closed when
	// there is one.
	taken chan struct{}
	// pauses is the number of pauses so far.
	pauses int
}

// ask records a request. During a pause it ends the pause and waits for the
// next snapshot. It returns the number of pauses so far: a reader that was
// stopped since, for longer than it takes a pause to begin, has to ask again.
func (d *demand) ask() (pauses int) {
	d.mu.Lock()
	d.asked = time.Now()
	taken, pauses := d.taken, d.pauses
	if d.woken != nil {
		close(d.woken)
		d.woken = nil
	}
	d.mu.Unlock()
	if taken != nil {
		<-taken
	}
	return pauses
}

// pause begins a pause if the last request is longer ago than after. It returns
// a channel that is closed at the next request, or nil if there is no pause.
func (d *demand) pause(after time.Duration) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.asked) < after {
		return nil
	}
	d.woken, d.taken = make(chan struct{}), make(chan struct{})
	d.pauses++
	return d.woken
}

// pausesBegun returns the number of pauses so far.
func (d *demand) pausesBegun() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pauses
}

// serve wakes the readers that wait for a snapshot.
func (d *demand) serve() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken != nil {
		close(d.taken)
	}
	d.woken, d.taken = nil, nil
}

// doze reads only counters and interfaces until somebody requests a snapshot.
// It drops the latest snapshot. At the end it reads the volumes from which the
// next snapshot's rates are computed.
func (c *Collector) doze(ctx context.Context, woken <-chan struct{}) error {
	c.latest.Store(nil)
	c.sampler.Forget()
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

// glance reads counters and interfaces.
func (c *Collector) glance() error {
	if c.source.Gone() {
		return ErrGone
	}
	s, err := c.source.Status()
	if c.fault(partSnapshots, err); err == nil {
		c.watchdog.watch(c.source, s)
		// The next reading may take as long as the last one.
		if before := c.status.Load(); before != nil {
			s.Took = before.Took
		}
		c.status.Store(s)
	}
	return nil
}

// Status returns the latest state of the tracker, nil before the first. It has
// no flows and no rates while nobody reads snapshots.
func (c *Collector) Status() *flow.Snapshot { return c.status.Load() }
