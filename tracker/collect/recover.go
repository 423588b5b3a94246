package collect

import (
	"context"
	"iter"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

const (
	// resyncPause is the shortest time between two readings of the table for
	// recovery. Reading more often would make a busy machine lose more events.
	resyncPause = 2 * time.Second
	// resyncShare is the largest share of a core for these readings.
	resyncShare = 0.1
)

// Events returns the events from now on until ctx is done. Events of one CPU
// are in order. EventLost reports missing events; Events finds their effects in
// the table, some seconds later at the earliest, and returns them as recovered
// events ([flow.Event.Recovered]). So a set of flows derived from the events
// converges to the table. listens is called when the reader is registered: from
// then on no event is missed.
func Events(ctx context.Context, s Source, listens func()) iter.Seq2[flow.Event, error] {
	return func(yield func(flow.Event, error) bool) {
		var none flow.Event
		for event, err := range passing(ctx, s, listens) {
			if err != nil {
				event = &none
			}
			if !yield(*event, err) {
				return
			}
		}
	}
}

// passing is [Events] without copies: an event is valid until the next one is asked for.
func passing(ctx context.Context, s Source, listens func()) iter.Seq2[*flow.Event, error] {
	return func(yield func(*flow.Event, error) bool) {
		listener, err := s.Readers().Listen()
		if err != nil {
			yield(nil, err)
			return
		}
		defer listener.Close()
		r, err := newRecovery(s)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		listens()
		tell := located(s, yield)
		for record, err := range listener.Records(ctx) {
			if err == nil && record.Mark {
				err = r.mark()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !r.emit(record, tell) {
				return
			}
		}
	}
}

// namesFor is how long names of interfaces are used. They may be renamed, and new ones
// may be watched.
const namesFor = time.Second

// located returns a function that adds to an event which end is this machine, and at which
// interface it was seen, and then yields it.
func located(s Source, yield func(*flow.Event, error) bool) func(*flow.Event) bool {
	var names []string
	var read time.Time
	var locals kernel.RecentLocals
	return func(e *flow.Event) bool {
		if e.Type == flow.EventLost {
			return yield(e, nil)
		}
		// The event's own time will do: the clock costs as much as all else here.
		if e.Time.Sub(read).Abs() > namesFor || int(e.In) >= len(names) {
			names, read = s.Interfaces(), e.Time
		}
		if int(e.In) < len(names) {
			e.Interface = names[e.In]
		}
		local := locals.Of(s.Table(), e.ID, &e.Tuple)
		e.Origin.Local, e.Reply.Local = local.Has(flow.EndOrigin), local.Has(flow.EndReply)
		return yield(e, nil)
	}
}

// recovery finds lost events. It keeps the set of flows that follows from the events so
// far. After a loss it compares that set with the table, and returns the differences as
// events.
//
// The table is read while events arrive. A flow with an event from after the start of
// the reading is skipped, since its events are more recent. Any other flow is in the
// table as it was at the start of the reading. All events from before that time have
// been returned at the second mark after the reading.
type recovery struct {
	source Source
	flows  accounts
	// stale is set if events were lost since the start of the last reading.
	stale bool
	// notBefore is the earliest time of the next reading.
	notBefore time.Time
	// reading is the current reading, or nil.
	reading *reading
	round   uint32
}

// reading is one reading of the table.
type reading struct {
	clock kernel.Clock
	done  chan struct{}
	// These are valid once done is closed.
	rows []kernel.Row
	took time.Duration
	err  error
	// complete is set at the first mark after done. At the next mark, all
	// earlier events have been returned.
	complete bool
	// touched are the flows with events since the start of the reading.
	touched map[flow.ID]bool
}

// newRecovery reads the current flows. The listener is registered before, so
// changes during the reading arrive as events.
func newRecovery(s Source) (*recovery, error) {
	r := &recovery{source: s}
	err := s.Table().Rows(func(row *kernel.Row) {
		a := r.account(row.ID)
		a.begin(row.Origin())
		a.State = row.State()
	})
	return r, err
}

// close waits for the current reading.
func (rec *recovery) close() {
	if rec.reading != nil {
		<-rec.reading.done
	}
}

// account returns the account of a flow, and begins one if there is none: then its state
// is none.
func (rec *recovery) account(id flow.ID) *account {
	if a := rec.flows.find(id); a != nil {
		return a
	}
	return rec.flows.add(id)
}

// mark handles a mark, which says that all events from before a moment ago have
// been read. It starts a reading of the table if one is due.
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

// emit tells the event of a record, or the recovered events if the record is a
// mark.
func (rec *recovery) emit(record *kernel.Record, tell func(*flow.Event) bool) bool {
	if record.Lost > 0 {
		rec.stale = true
		if !tell(&flow.Event{Time: record.Event.Time, Type: flow.EventLost, Lost: record.Lost}) {
			return false
		}
	}
	if record.Mark {
		return rec.settle(tell)
	}
	rec.enter(record)
	return tell(&record.Event)
}

// enter updates the flow of an event.
func (rec *recovery) enter(record *kernel.Record) {
	event := &record.Event
	if event.Type == flow.EventDestroy {
		rec.flows.remove(event.ID)
	} else {
		a := rec.account(event.ID)
		if a.State == flow.StateNone {
			a.begin(record.Origin)
		}
		a.State = event.To
	}
	if r := rec.reading; r != nil && record.Ns >= r.clock.Ns {
		r.touched[event.ID] = true
	}
}

// settle tells the differences between events and table. It does nothing until
// all events from before the reading have been returned.
func (rec *recovery) settle(tell func(*flow.Event) bool) bool {
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
	return rec.emitMissing(r, tell) && rec.emitFound(found, tell)
}

// compare updates the flows from the table and returns the missing events.
func (rec *recovery) compare(r *reading) (found []flow.Event) {
	for i := range r.rows {
		row := &r.rows[i]
		touched := r.touched[row.ID]
		if touched && rec.flows.find(row.ID) == nil {
			continue // it has ended since
		}
		a := rec.account(row.ID)
		before := a.State
		a.Round = rec.round
		if !touched {
			a.begin(row.Origin())
			a.State = row.State()
		}
		if a.State == before {
			continue
		}
		event := row.Event(r.clock)
		if before != flow.StateNone {
			event.Type, event.From = flow.EventUpdate, before
		}
		found = append(found, event)
	}
	return found
}

func (rec *recovery) emitFound(found []flow.Event, tell func(*flow.Event) bool) bool {
	for i := range found {
		if !tell(&found[i]) {
			return false
		}
	}
	return true
}

// emitMissing tells the end of flows that are not in the table any more.
func (rec *recovery) emitMissing(r *reading, tell func(*flow.Event) bool) bool {
	// The last account takes the number of one that is removed.
	for i := rec.flows.n - 1; i >= 0; i-- {
		a := rec.flows.at(i)
		if a.Round == rec.round || r.touched[a.id] {
			continue
		}
		in, outgoing := a.Side()
		event := flow.Event{
			Time: r.clock.Wall, Type: flow.EventDestroy, ID: a.id, Tuple: a.Tuple(),
			In: in, Outgoing: outgoing, From: a.State, Recovered: true,
		}
		rec.flows.remove(a.id)
		if !tell(&event) {
			return false
		}
	}
	return true
}
