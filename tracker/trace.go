package tracker

import (
	"context"
	"fmt"
	"iter"
	"time"

	"ctop/ringbuf"
	"ctop/tracker/flow"
)

// traceRing is the room for packets that wait to be read: some 100,000.
const traceRing = 16 << 20

// errNotTraced says why a tracker between two interfaces cannot be traced.
func errNotTraced(names [2]string) error {
	return fmt.Errorf("trace the tracker between %s and %s: it runs without tracing, which is compiled into its programs: "+
		"\"ctop down %[1]s %[2]s\" ends it, and its forwarding; then begin again with --trace", names[0], names[1])
}

// Traces returns every packet from now on until ctx is done, in the order in which
// each CPU saw them, with a Lost where some are missing. The tracker must have
// been opened by this process with [Options.Trace], and one may read at a time.
func (t *Tracker) Traces(ctx context.Context) iter.Seq2[flow.Trace, error] {
	return func(yield func(flow.Trace, error) bool) {
		if t.kernel.traces == nil {
			yield(flow.Trace{}, errNotTraced(t.Interfaces()))
			return
		}
		reader, err := ringbuf.NewReader(t.kernel.traces, traceSequence, nil)
		if err != nil {
			yield(flow.Trace{}, err)
			return
		}
		defer func() { _ = reader.Close() }()
		var c clock
		for record, err := range reader.Records(ctx) {
			if err == nil && time.Since(c.wall) > clockRefresh {
				c, err = t.readClock()
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
