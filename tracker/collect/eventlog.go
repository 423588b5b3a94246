package collect

import (
	"sync"

	"ctop/tracker/flow"
)

// EventLog keeps the latest events and numbers them, so that each reader can
// continue at its own position. It is safe for concurrent use.
type EventLog struct {
	// Limit is the number of events to keep.
	Limit int

	mu sync.Mutex
	// events is a ring buffer once it is full. total is the number of events
	// ever added.
	events []flow.Event
	total  uint64
}

// Add adds a copy of an event.
func (l *EventLog) Add(e *flow.Event) {
	l.mu.Lock()
	if len(l.events) < l.Limit {
		l.events = append(l.events, *e)
	} else {
		l.events[l.total%uint64(l.Limit)] = *e
	}
	l.total++
	l.mu.Unlock()
}

// After returns the kept events from number n on, and the number of events ever
// added.
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
