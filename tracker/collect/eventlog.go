package collect

import (
	"sync"

	"ctop/tracker/flow"
)

// EventLog keeps the latest events and numbers them, so that any number of
// readers can each go on where they were.
type EventLog struct {
	// Limit is how many events are kept.
	Limit int

	mu sync.Mutex
	// events is a ring once it is full; total counts all that were ever added.
	events []flow.Event
	total  uint64
}

// Add adds an event.
func (l *EventLog) Add(e flow.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) < l.Limit {
		l.events = append(l.events, e)
	} else {
		l.events[l.total%uint64(l.Limit)] = e
	}
	l.total++
}

// After returns the events that were added after the first n, as far as they are
// still kept, and how many were ever added.
func (l *EventLog) After(n uint64) ([]flow.Event, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.total - uint64(len(l.events))
	n = min(max(n, oldest), l.total)
	events := make([]flow.Event, 0, l.total-n)
	for i := n; i < l.total; i++ {
		events = append(events, l.events[i%uint64(l.Limit)])
	}
	return events, l.total
}
