package kernel

import (
	"context"
	"iter"
	"time"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// traceRing is the room for packets that wait to be read: some 100,000.
const traceRing = 16 << 20

// Traces returns every packet from now on until ctx is done, in the order in which
// each CPU saw them, with a Lost where some are missing. The objects must be traced
// ([Objects.Traced]), and one may read at a time.
func (t *Table) Traces(ctx context.Context) iter.Seq2[flow.Trace, error] {
	return func(yield func(flow.Trace, error) bool) {
		reader, err := ringbuf.NewReader(t.objects.traces, traceSequence, nil)
		if err != nil {
			yield(flow.Trace{}, err)
			return
		}
		defer func() { _ = reader.Close() }()
		var c Clock
		for record, err := range reader.Records(ctx) {
			if err == nil && time.Since(c.Wall) > clockRefresh {
				c, err = t.ReadClock()
			}
			if err != nil {
				yield(flow.Trace{}, err)
				return
			}
			trace := traceFromKernel(&record.Value, c)
			if record.Lost > 0 && !yield(flow.Trace{Time: trace.Time, Lost: record.Lost}, nil) {
				return
			}
			if !yield(trace, nil) {
				return
			}
		}
	}
}
