package agent

import (
	"context"
	"math"
	"time"

	"ctop/internal/filter"
	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

const (
	// told is how often events are told.
	told = 250 * time.Millisecond
	// remembered is how long after its last lease a view goes on where it was.
	remembered = 30 * time.Second
)

// ear is a view of the events that some console listens to.
type ear struct {
	filter filter.Filter
	// since names the ear, next is up to where it has heard the log.
	since int64
	next  uint64
	total uint64
	// left is how many events it may still be told now.
	left float64
}

// newEar returns a view of events from the end of the log on.
func newEar(text string, now time.Time, end uint64) (*ear, error) {
	f, err := filter.Parse(text)
	return &ear{filter: f, since: now.UnixNano(), next: end, left: math.MaxFloat64}, err
}

// logEnd returns the number of events that the log has had.
func (a *Agent) logEnd() uint64 {
	_, next := a.Events(math.MaxUint64)
	return next
}

// publishEvents tells what happens while somebody listens, and sleeps otherwise.
func (a *Agent) publishEvents(ctx context.Context) {
	tick := time.NewTicker(told)
	defer tick.Stop()
	for last := time.Now(); ctx.Err() == nil; {
		now := time.Now()
		list, more := a.ears.alive(now)
		if a.client.Load().IsConnected() {
			budget := float64(fleet.EventBudget(int(a.hosts.Load()))) / float64(max(len(list), 1))
			for _, one := range list {
				one.of.left = min(one.of.left+budget*min(now.Sub(last), time.Second).Seconds(), budget)
				a.tell(one.name, one.of)
			}
			last = now
		}
		if len(list) == 0 {
			select {
			case <-ctx.Done():
			case <-more:
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// tell tells an ear what has happened since the last time, as much as it may be told.
func (a *Agent) tell(view string, to *ear) {
	events, next := a.Events(to.next)
	passed := next - min(to.next, next)
	message := fleet.Events{Since: to.since, Lost: passed - min(uint64(len(events)), passed)} // the log forgets
	for i := range events {
		e := &events[i]
		if e.Type == flow.EventLost {
			message.Lost += e.Lost
			continue
		}
		if e.Host = a.name; !to.filter.MatchEvent(e) {
			continue
		}
		if e.Host = ""; to.left < 1 || len(message.Events) == fleet.MaxEvents {
			message.Lost++
			continue
		}
		to.left--
		message.Events = append(message.Events, *e)
	}
	to.next = next
	if message.Lost == 0 && len(message.Events) == 0 {
		return
	}
	to.total += message.Lost + uint64(len(message.Events))
	message.Total = to.total
	text, err := message.Encode()
	if err != nil {
		a.failed.Add(1)
		return
	}
	a.publish(a.space.Events(a.name, view), text)
}
