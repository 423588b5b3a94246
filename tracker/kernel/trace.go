package kernel

import (
	"context"
	"iter"
	"time"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// traceRing is the size of the trace buffer in bytes. It holds about 100,000
// packets.
const traceRing = 16 << 20

// Traces returns a record of every packet from now on until ctx is done.
// Records of one CPU are in order, and Lost counts missing ones. The objects
// must be traced ([Objects.Traced]). Only one caller may read at a time.
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
