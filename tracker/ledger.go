package tracker

import (
	"time"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

const (
	// resyncPause is how long to wait at least from one reading of the table to
	// the next: reading makes a machine that loses events lose more.
	resyncPause = 2 * time.Second
	// resyncShare is the share of a core that it may take.
	resyncShare = 0.1
)

// ledger is what a reader of events knows of the flows by them. Where events were
// lost it is compared with the table, and what is missing is told.
//
// The table is read while events go on. A flow that has an event made since the
// reading began is left to its events; any other is, in the table, as it was when
// the reading began, and all events from before that have been told once the
// second mark after it has come.
type ledger struct {
	tracker *Tracker
	flows   map[flow.ID]*account
	// stale means that events were lost since the latest reading began.
	stale bool
	// notBefore is when the table may be read next.
	notBefore time.Time
	// reading is nil while the table is not being compared.
	reading *reading
	round   uint32
}

// account is what is known of one flow.
type account struct {
	key      kernelKey
	state    flow.State
	reversed bool
	// round is the last reading that found it in the table.
	round uint32
}

// reading is one reading of the table.
type reading struct {
	clock clock
	done  chan struct{}
	// Set once done.
	rows []tableRow
	took time.Duration
	err  error
	// complete is set at the first mark after done: at the next one all that
	// had happened by then was told.
	complete bool
	// touched are the flows with events since it began.
	touched map[flow.ID]bool
}

// tableRow is what the table knows of one flow, as far as an event tells it.
type tableRow struct {
	id            flow.ID
	key           kernelKey
	control       uint64
	createdNs     uint64
	origin, reply flow.Half
}

// newLedger begins with the flows that are there. The reader of events is open by
// then: what happens while the table is read is told by events.
func newLedger(t *Tracker) (*ledger, error) {
	l := &ledger{tracker: t, flows: map[flow.ID]*account{}}
	err := t.kernel.table.each(func(k *kernelKey, v *kernelFlow) {
		if row := rowFromKernel(k, v); row.state() != flow.StateNone {
			l.flows[row.id] = &account{key: row.key, state: row.state(), reversed: row.reversed()}
		}
	})
	return l, err
}

// close waits for a reading that is under way.
func (l *ledger) close() {
	if l.reading != nil {
		<-l.reading.done
	}
}

// mark is told that all is known that happened before a moment ago. It begins a
// reading of the table where one is due.
func (l *ledger) mark() error {
	if l.reading != nil {
		select {
		case <-l.reading.done:
			return l.reading.err
		default:
			return nil
		}
	}
	if !l.stale || time.Now().Before(l.notBefore) {
		return nil
	}
	now, err := l.tracker.readClock()
	if err != nil {
		return err
	}
	l.stale = false
	l.reading = &reading{clock: now, done: make(chan struct{}), touched: map[flow.ID]bool{}}
	go l.reading.read(l.tracker)
	return nil
}

func (r *reading) read(t *Tracker) {
	defer close(r.done)
	started := time.Now()
	r.err = guarded(t.log, partEvents, func() error {
		return t.kernel.table.each(func(k *kernelKey, v *kernelFlow) {
			if row := rowFromKernel(k, v); row.state() != flow.StateNone {
				r.rows = append(r.rows, row)
			}
		})
	})
	r.took = time.Since(started)
}

// tell yields what a record says, and at a mark what was found out.
func (l *ledger) tell(record *ringbuf.Record[kernelEvent], c clock, yield func(flow.Event, error) bool) bool {
	event := eventFromKernel(&record.Value, c)
	if record.Mark {
		event.Time = time.Now()
	}
	if record.Lost > 0 {
		l.stale = true
		if !yield(flow.Event{Time: event.Time, Type: flow.EventLost, Lost: record.Lost}, nil) {
			return false
		}
	}
	if record.Mark {
		return l.settle(yield)
	}
	l.enter(&record.Value, &event)
	return yield(event, nil)
}

// enter takes an event into account.
func (l *ledger) enter(e *kernelEvent, event *flow.Event) {
	if event.Type == flow.EventDestroy {
		delete(l.flows, event.ID)
	} else if a := l.flows[event.ID]; a != nil {
		a.state = event.To
	} else {
		l.flows[event.ID] = &account{key: e.Key, state: event.To, reversed: eventReversed(e)}
	}
	if r := l.reading; r != nil && e.TimeNs >= r.clock.ns {
		r.touched[event.ID] = true
	}
}

// settle compares with the table, once all is known that happened until it was
// read.
func (l *ledger) settle(yield func(flow.Event, error) bool) bool {
	r := l.reading
	if r == nil {
		return true
	}
	select {
	case <-r.done:
	default:
		return true
	}
	if !r.complete {
		r.complete = true
		return true
	}
	l.reading = nil
	l.notBefore = time.Now().Add(max(resyncPause, time.Duration(float64(r.took)/resyncShare)))
	l.round++
	found := l.compare(r)
	return l.endMissing(r, yield) && l.tellFound(found, yield)
}

// compare takes over what the table has and returns the events that were missing.
func (l *ledger) compare(r *reading) (found []flow.Event) {
	for i := range r.rows {
		row := &r.rows[i]
		a := l.flows[row.id]
		if a != nil {
			a.round = l.round
		}
		state := row.state()
		if r.touched[row.id] || a != nil && a.state == state {
			continue
		}
		event := eventFromRow(row, r.clock)
		if a != nil {
			event.Type, event.From, a.state = flow.EventUpdate, a.state, state
		} else {
			l.flows[row.id] = &account{key: row.key, state: state, reversed: row.reversed(), round: l.round}
		}
		found = append(found, event)
	}
	return found
}

func (l *ledger) tellFound(found []flow.Event, yield func(flow.Event, error) bool) bool {
	for i := range found {
		if !yield(found[i], nil) {
			return false
		}
	}
	return true
}

// endMissing tells the end of the flows that are not in the table any more.
func (l *ledger) endMissing(r *reading, yield func(flow.Event, error) bool) bool {
	for id, a := range l.flows {
		if a.round == l.round || r.touched[id] {
			continue
		}
		delete(l.flows, id)
		event := flow.Event{
			Time: r.clock.wall, Type: flow.EventDestroy, ID: id, Tuple: tupleFromKey(&a.key, a.reversed),
			From: a.state, Recovered: true,
		}
		if !yield(event, nil) {
			return false
		}
	}
	return true
}
