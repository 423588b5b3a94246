package collect

import (
	"context"
	"iter"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

const (
	// resyncPause is how long to wait at least from one reading of the table to
	// the next: reading makes a machine that loses events lose more.
	resyncPause = 2 * time.Second
	// resyncShare is the share of a core that it may take.
	resyncShare = 0.1
)

// Events returns the events from now on until ctx is done, in the order in which they
// were made on each CPU, with an EventLost where some are missing. What those would have
// told is found in the table, some seconds later at the earliest
// ([flow.Event.Recovered]): whoever keeps account of the flows by their events has
// exactly those of the table in the end. listens is called once no event is missed any
// more.
func Events(ctx context.Context, s Source, listens func()) iter.Seq2[flow.Event, error] {
	return func(yield func(flow.Event, error) bool) {
		listener, err := s.Readers().Listen()
		if err != nil {
			yield(flow.Event{}, err)
			return
		}
		defer listener.Close()
		r, err := newRecovery(s)
		if err != nil {
			yield(flow.Event{}, err)
			return
		}
		defer r.close()
		listens()
		for record, err := range listener.Records(ctx) {
			if err == nil && record.Mark {
				err = r.mark()
			}
			if err != nil {
				yield(flow.Event{}, err)
				return
			}
			if !r.tell(record, yield) {
				return
			}
		}
	}
}

// recovery finds the events that were lost. It knows what a reader of events knows of
// the flows by them. Where events were lost it compares that with the table, and tells
// what is missing.
//
// The table is read while events go on. A flow that has an event made since the reading
// began is left to its events; any other is, in the table, as it was when the reading
// began, and all events from before that have been told once the second mark after it
// has come.
type recovery struct {
	source Source
	flows  map[flow.ID]account
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
	origin kernel.Origin
	state  flow.State
	// round is the last reading that found it in the table.
	round uint32
}

// reading is one reading of the table.
type reading struct {
	clock kernel.Clock
	done  chan struct{}
	// Set once done.
	rows []kernel.Row
	took time.Duration
	err  error
	// complete is set at the first mark after done: at the next one all that
	// had happened by then was told.
	complete bool
	// touched are the flows with events since it began.
	touched map[flow.ID]bool
}

// newRecovery begins with the flows that are there. The listener is registered by then:
// what happens while the table is read is told by events.
func newRecovery(s Source) (*recovery, error) {
	r := &recovery{source: s, flows: map[flow.ID]account{}}
	err := s.Table().Rows(func(row *kernel.Row) {
		r.flows[row.ID] = account{origin: row.Origin(), state: row.State()}
	})
	return r, err
}

// close waits for a reading that is under way.
func (rec *recovery) close() {
	if rec.reading != nil {
		<-rec.reading.done
	}
}

// mark is told that all is known that happened before a moment ago. It begins a
// reading of the table where one is due.
func (rec *recovery) mark() error {
	if rec.reading != nil {
		select {
		case <-rec.reading.done:
			return rec.reading.err
		default:
			return nil
		}
	}
	if !rec.stale || time.Now().Before(rec.notBefore) {
		return nil
	}
	now, err := rec.source.Table().ReadClock()
	if err != nil {
		return err
	}
	rec.stale = false
	rec.reading = &reading{clock: now, done: make(chan struct{}), touched: map[flow.ID]bool{}}
	go rec.reading.read(rec.source)
	return nil
}

func (r *reading) read(s Source) {
	defer close(r.done)
	started := time.Now()
	r.err = guarded(s.Log(), partEvents, func() error {
		return s.Table().Rows(func(row *kernel.Row) { r.rows = append(r.rows, *row) })
	})
	r.took = time.Since(started)
}

// tell yields what a record says, and at a mark what was found out.
func (rec *recovery) tell(record *kernel.Record, yield func(flow.Event, error) bool) bool {
	if record.Lost > 0 {
		rec.stale = true
		if !yield(flow.Event{Time: record.Event.Time, Type: flow.EventLost, Lost: record.Lost}, nil) {
			return false
		}
	}
	if record.Mark {
		return rec.settle(yield)
	}
	rec.enter(record)
	return yield(record.Event, nil)
}

// enter takes an event into account.
func (rec *recovery) enter(record *kernel.Record) {
	event := &record.Event
	if event.Type == flow.EventDestroy {
		delete(rec.flows, event.ID)
	} else {
		a, known := rec.flows[event.ID]
		if !known {
			a.origin = record.Origin
		}
		a.state = event.To
		rec.flows[event.ID] = a
	}
	if r := rec.reading; r != nil && record.Ns >= r.clock.Ns {
		r.touched[event.ID] = true
	}
}

// settle compares with the table, once all is known that happened until it was
// read.
func (rec *recovery) settle(yield func(flow.Event, error) bool) bool {
	r := rec.reading
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
	rec.reading = nil
	rec.notBefore = time.Now().Add(max(resyncPause, time.Duration(float64(r.took)/resyncShare)))
	rec.round++
	found := rec.compare(r)
	return rec.endMissing(r, yield) && rec.tellFound(found, yield)
}

// compare takes over what the table has and returns the events that were missing.
func (rec *recovery) compare(r *reading) (found []flow.Event) {
	for i := range r.rows {
		row := &r.rows[i]
		a, known := rec.flows[row.ID]
		if !known && r.touched[row.ID] {
			continue // it has ended since
		}
		before := a.state
		a.round = rec.round
		if !r.touched[row.ID] {
			a.origin, a.state = row.Origin(), row.State()
		}
		rec.flows[row.ID] = a
		if a.state == before {
			continue
		}
		event := row.Event(r.clock)
		if known {
			event.Type, event.From = flow.EventUpdate, before
		}
		found = append(found, event)
	}
	return found
}

func (rec *recovery) tellFound(found []flow.Event, yield func(flow.Event, error) bool) bool {
	for i := range found {
		if !yield(found[i], nil) {
			return false
		}
	}
	return true
}

// endMissing tells the end of the flows that are not in the table any more.
func (rec *recovery) endMissing(r *reading, yield func(flow.Event, error) bool) bool {
	for id, a := range rec.flows {
		if a.round == rec.round || r.touched[id] {
			continue
		}
		delete(rec.flows, id)
		event := flow.Event{
			Time: r.clock.Wall, Type: flow.EventDestroy, ID: id, Tuple: a.origin.Tuple(),
			From: a.state, Recovered: true,
		}
		if !yield(event, nil) {
			return false
		}
	}
	return true
}
