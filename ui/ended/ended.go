// Package ended remembers flows that have ended: for some seconds those that stay
// on the screen, for some minutes those that a filter can find.
package ended

import (
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

const (
	// lingers is how long an ended flow stays on the screen.
	lingers = 2 * time.Second
	// mostRecent is how many of them do. Thousands in two seconds are a flood,
	// and no one could read them.
	mostRecent = 1000

	// findable is how long an ended flow can be found by state:ended.
	findable = 5 * time.Minute
	// mostPast is how many can.
	mostPast = 2000
)

// end is the end of a flow.
type end struct {
	reason flow.Reason
	// at is when the flow ended, seen when the console learned of it.
	at, seen time.Time
	flow     *flow.Flow
}

// Flows are the flows that have ended. The zero value has none.
type Flows struct {
	recent map[flow.ID]end
	// past is ordered, the oldest first.
	past []end
}

// Take remembers the flow of a destroy event. It reports whether the flow is to stay
// on the screen, which a paused console does not want.
func (f *Flows) Take(e *flow.Event, now time.Time, paused bool) (stays bool) {
	last := end{reason: e.Reason, at: e.Time, seen: now, flow: e.Flow()}
	f.past = append(f.past, last)
	if len(f.past) > mostPast+mostPast/4 {
		f.past = append([]end(nil), f.past[len(f.past)-mostPast:]...)
	}
	if paused || len(f.recent) >= mostRecent || now.Sub(e.Time) > lingers {
		return false
	}
	if f.recent == nil {
		f.recent = map[flow.ID]end{}
	}
	f.recent[e.ID] = last
	return true
}

// ForgetPast drops flows that ended too long ago to be found, and reports whether
// there were any.
func (f *Flows) ForgetPast(now time.Time) bool {
	n := 0
	for n < len(f.past) && now.Sub(f.past[n].seen) > findable {
		n++
	}
	if n > 0 {
		f.past = append([]end(nil), f.past[n:]...)
	}
	return n > 0
}

// ForgetRecent drops flows that were on the screen for long enough, but not before
// there is a snapshot without them: snapshot is when the one on the screen was
// taken, zero before the first. It reports whether there were any.
func (f *Flows) ForgetRecent(now, snapshot time.Time) (dropped bool) {
	for id, e := range f.recent {
		if now.Sub(e.seen) > lingers && (snapshot.IsZero() || snapshot.After(e.at)) {
			delete(f.recent, id)
			dropped = true
		}
	}
	return dropped
}

// Has reports whether a flow has ended so recently that it is still shown.
func (f *Flows) Has(id flow.ID) bool {
	_, ok := f.recent[id]
	return ok
}

// Recent returns the flows that stay on the screen.
func (f *Flows) Recent() map[flow.ID]order.Ended {
	flows := make(map[flow.ID]order.Ended, len(f.recent))
	for id, e := range f.recent {
		flows[id] = order.Ended{Flow: e.flow, Reason: e.reason}
	}
	return flows
}

// All returns also those that can be found, up to a moment, if that is not zero.
func (f *Flows) All(until time.Time) map[flow.ID]order.Ended {
	flows := make(map[flow.ID]order.Ended, len(f.recent)+len(f.past))
	for _, e := range f.past {
		if !until.IsZero() && e.seen.After(until) {
			break
		}
		flows[e.flow.ID] = order.Ended{Flow: e.flow, Reason: e.reason, Past: true}
	}
	for id, e := range f.recent {
		flows[id] = order.Ended{Flow: e.flow, Reason: e.reason}
	}
	return flows
}

// Before returns those that had ended at a moment, and could be found then.
func (f *Flows) Before(at time.Time) map[flow.ID]order.Ended {
	flows := map[flow.ID]order.Ended{}
	for _, e := range f.past {
		if !e.at.After(at) && at.Sub(e.at) <= findable {
			flows[e.flow.ID] = order.Ended{Flow: e.flow, Reason: e.reason, Past: true}
		}
	}
	return flows
}

// Len returns how many flows can be found.
func (f *Flows) Len() int { return len(f.past) }
