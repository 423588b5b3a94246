package snapshot

import (
	"time"

	"github.com/valyala/fastjson"

	"ctop/tracker/flow"
)

// timeouts decodes the timeouts of a document. What it lacks is 0.
func timeouts(v *fastjson.Value) (t flow.Timeouts) {
	for _, name := range flow.TimeoutNames() {
		t[name] = time.Duration(v.GetFloat64(name.String()) * float64(time.Second))
	}
	return t
}

// nameTimeouts names the timeouts of flows, which they do not say, by how long they are. A
// flow that may be silent for another time than its state has a timeout of its own.
func nameTimeouts(flows []flow.Flow, t flow.Timeouts) {
	for i := range flows {
		f := &flows[i]
		switch usual := t[f.TimeoutName]; {
		case usual == 0 || f.Timeout == f.Idle: // not known, or it was over
		case same(f.Timeout, usual):
		case f.TimeoutName == flow.TCPEstablished && same(f.Timeout, t[flow.TCPUnacknowledged]):
			f.TimeoutName = flow.TCPUnacknowledged
		default:
			f.OwnTimeout = true
		}
	}
}

// same compares times that are the sums of two which were rounded to the microsecond.
func same(a, b time.Duration) bool { return (a - b).Abs() <= 2*time.Microsecond }
