package ipfix

import (
	"context"
	"sync"
	"time"

	"ctop/tracker/flow"
)

const (
	// chunk is the number of places that are read at once: meanwhile events wait.
	chunk = 1 << 10
	// passes is how many readings of the table there are in the time after which a flow
	// that goes on has a record.
	passes = 4
	// fastest is the shortest time for a reading of the table.
	fastest = 500 * time.Millisecond
)

// Run reads the table again and again, slowly, and exports flows that go on, until ctx is
// done.
func (e *Exporter) Run(ctx context.Context) error {
	if e.o.NAT != nil {
		var renewing sync.WaitGroup
		defer renewing.Wait()
		renewing.Go(func() { e.renewTranslations(ctx) })
	}
	span := max(e.o.Active/passes, fastest)
	failing := false
	for places := 0; ctx.Err() == nil; {
		begun := time.Now()
		read, err := e.readOnce(ctx, e.exportActive, pauseFor(span, places))
		if err != nil && !failing {
			e.o.Log.Warn("read long flows for flow records", "error", err)
		}
		failing, places = err != nil, read
		select {
		case <-ctx.Done():
		case <-time.After(span - time.Since(begun)):
		}
	}
	return nil
}

// pauseFor returns the pause after each chunk for a reading of so many places to take some
// time.
func pauseFor(span time.Duration, places int) time.Duration {
	if chunks := places / chunk; chunks > 1 {
		return span / time.Duration(chunks)
	}
	return 0
}

// readOnce calls visit with every flow of the table. It returns the number of places.
func (e *Exporter) readOnce(ctx context.Context, visit func(*flow.Event), pause time.Duration) (places int, err error) {
	e.mu.Lock()
	e.pass++
	e.mu.Unlock()
	for more := true; more && ctx.Err() == nil; places += chunk {
		if more, err = e.readChunk(places, visit); err != nil {
			return places, err
		}
		if pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
	e.forget()
	return places, nil
}

// readChunk reads some places. An event of a flow that is read here is observed after
// that, since it is still in the table, and its end is not counted twice.
func (e *Exporter) readChunk(from int, visit func(*flow.Event)) (more bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.o.Source.Part(from, chunk, func(event *flow.Event) {
		if there, told := e.elsewhere[event.ID]; told && there.pass != e.pass {
			there.pass = e.pass
			e.elsewhere[event.ID] = there
		}
		visit(event)
	})
}

// forget forgets flows that two readings did not find: their end was lost. One that just
// ended is missing in one, before its event arrives.
func (e *Exporter) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, a := range e.accounts {
		if a.pass+1 < e.pass {
			delete(e.accounts, id)
		}
	}
	for id, o := range e.others {
		if o.pass+1 < e.pass {
			delete(e.others, id)
		}
	}
	for id, there := range e.elsewhere {
		if there.pass+1 < e.pass {
			delete(e.elsewhere, id)
		}
	}
}

// exportActive exports a flow whose last record, or beginning, is long ago.
func (e *Exporter) exportActive(event *flow.Event) {
	e.translated(event)
	since := event.Age
	if a := e.accounts[event.ID]; a != nil {
		a.pass = e.pass
		since = event.Time.Sub(a.told)
	}
	if since >= e.o.Active {
		e.exportGrown(event, endActive)
	}
}

// exportGrown exports a flow if it had packets since its last record.
func (e *Exporter) exportGrown(event *flow.Event, end endReason) {
	if e.grown(event) {
		e.export(event, end)
	}
}

// Begin leaves out what flows had so far: another exporter told that, or nobody listened.
// It is for a tracker that was running before, and is called before events are observed.
func (e *Exporter) Begin() error {
	_, err := e.readOnce(context.Background(), func(event *flow.Event) {
		e.accounts[event.ID] = &account{
			volumes: e.passedHere(event), until: event.Time.Add(-event.Idle), told: event.Time, pass: e.pass,
		}
	}, 0)
	return err
}
