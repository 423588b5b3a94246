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
		yield = located(s, yield)
		for record, err := range listener.Records(ctx) {
			if err == nil && record.Mark {
				err = r.mark()
			}
			if err != nil {
				yield(flow.Event{}, err)
				return
			}
			if !r.emit(record, yield) {
				return
			}
		}
	}
}

// namesFor is how long names of interfaces are used. They may be renamed, and new ones
// may be watched.
const namesFor = time.Second

// located returns yield for events that say which end is this machine, and at which
// interface they were seen.
func located(s Source, yield func(flow.Event, error) bool) func(flow.Event, error) bool {
	var names []string
	var read time.Time
	var locals kernel.RecentLocals
	return func(e flow.Event, err error) bool {
		if err != nil || e.Type == flow.EventLost {
			return yield(e, err)
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
		return yield(e, err)
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
		a.origin, a.state = row.Origin(), row.State()
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

// emit yields the event of a record, or the recovered events if the record is a
// mark.
func (rec *recovery) emit(record *kernel.Record, yield func(flow.Event, error) bool) bool {
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

// enter updates the flow of an event.
func (rec *recovery) enter(record *kernel.Record) {
	event := &record.Event
	if event.Type == flow.EventDestroy {
		rec.flows.remove(event.ID)
	} else {
		a := rec.account(event.ID)
		if a.state == flow.StateNone {
			a.origin = record.Origin
		}
		a.state = event.To
	}
	if r := rec.reading; r != nil && record.Ns >= r.clock.Ns {
		r.touched[event.ID] = true
	}
}

// settle yields the differences between events and table. It does nothing until
// all events from before the reading have been returned.
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
	return rec.emitMissing(r, yield) && rec.emitFound(found, yield)
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
		before := a.state
		a.round = rec.round
		if !touched {
			a.origin, a.state = row.Origin(), row.State()
		}
		if a.state == before {
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

func (rec *recovery) emitFound(found []flow.Event, yield func(flow.Event, error) bool) bool {
	for i := range found {
		if !yield(found[i], nil) {
			return false
		}
	}
	return true
}

// emitMissing yields the end of flows that are not in the table any more.
func (rec *recovery) emitMissing(r *reading, yield func(flow.Event, error) bool) bool {
	// The last account takes the number of one that is removed.
	for i := rec.flows.n - 1; i >= 0; i-- {
		a := rec.flows.at(i)
		if a.round == rec.round || r.touched[a.id] {
			continue
		}
		in, outgoing := a.origin.Side()
		event := flow.Event{
			Time: r.clock.Wall, Type: flow.EventDestroy, ID: a.id, Tuple: a.origin.Tuple(),
			In: in, Outgoing: outgoing, From: a.state, Recovered: true,
		}
		rec.flows.remove(a.id)
		if !yield(event, nil) {
			return false
		}
	}
	return true
}
