package ipfix

import (
	"context"
	"time"

	"ctop/tracker/flow"
)

// finishTime bounds the end: what is not sent by then is dropped and counted.
const finishTime = 3 * time.Second

// Start begins to send. [Exporter.Finish] ends it.
func (e *Exporter) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	for _, s := range e.senders {
		e.sending.Go(func() { s.run(ctx) })
	}
}

// Finish exports what flows had since their last record, and sends all that waits, for
// some seconds at most. goesOn says that the flows do, for the next exporter. No event is
// observed any more.
func (e *Exporter) Finish(goesOn bool) {
	end := endForced
	if goesOn {
		end = endActive
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.endsIn)
	defer cancel()
	if _, err := e.readOnce(ctx, func(event *flow.Event) { e.exportGrown(event, end) }, 0); err != nil {
		e.o.Log.Warn("read the last flow records", "error", err)
	}
	close(e.closing)
	defer context.AfterFunc(ctx, e.stop)()
	e.sending.Wait()
	for _, s := range e.Stats() {
		e.o.Log.Info("flow records were sent", "collector", s.Collector, "sent", s.Sent, "dropped", s.Dropped)
	}
}
