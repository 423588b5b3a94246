// Package trace remembers the rates of the flows on the screen, for the chart on the
// page of one of them.
package trace

import (
	"slices"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// remembered is how many rates are kept of a flow: three minutes at one snapshot
// a second.
const remembered = 180

// point is what one snapshot says of a flow's rates, origin and reply. There
// may be many of them, and a chart shows eight steps.
type point struct {
	at       int64
	bps, pps [2]float32
}

// Trace is the rates of a flow, oldest first.
type Trace []point

// Add appends the rates that a snapshot has of the flow, unless it is no newer than
// the last one.
func (t Trace) Add(s *flow.Snapshot, f *flow.Flow) Trace {
	if s == nil {
		return t
	}
	at := s.Time.UnixNano()
	if n := len(t); n > 0 && t[n-1].at >= at {
		return t
	}
	p := point{at: at}
	for i, h := range [...]flow.Half{f.Origin, f.Reply} {
		p.bps[i], p.pps[i] = float32(h.BPS), float32(h.PPS)
	}
	if len(t) >= remembered {
		t = append(t[:0], t[len(t)-remembered+1:]...)
	}
	return append(t, p)
}

// Until returns the rates up to a time.
func (t Trace) Until(at time.Time) Trace {
	n := len(t)
	for n > 0 && t[n-1].at > at.UnixNano() {
		n--
	}
	return t[:n]
}

// Rates returns the past rates of a direction, 0 for origin and 1 for reply.
func (t Trace) Rates(direction int, u format.RateUnit) []float64 {
	rates := make([]float64, len(t))
	for i, p := range t {
		rates[i] = u.Of(flow.Half{BPS: float64(p.bps[direction]), PPS: float64(p.pps[direction])})
	}
	return rates
}

// Covered returns the time that the newest rates cover.
func (t Trace) Covered(newest int) time.Duration {
	n := min(newest, len(t))
	if n < 2 {
		return 0
	}
	return time.Duration(t[len(t)-1].at - t[len(t)-n].at)
}

// Recent returns the rates of both directions in each of the last seconds up to a
// moment, the newest last. The rate of a snapshot is that since the snapshot before.
func (t Trace) Recent(until time.Time, seconds int, u format.RateUnit) []float64 {
	rates := make([]float64, seconds)
	at := len(t) - 1
	for i := range rates {
		end := until.Add(-time.Duration(i) * time.Second).UnixNano()
		for at > 0 && t[at-1].at >= end {
			at--
		}
		if at < 0 || t[at].at < end || at == 0 && t[at].at >= end+int64(time.Second) {
			continue
		}
		p := t[at]
		rates[seconds-1-i] = u.Of(flow.Half{BPS: float64(p.bps[0] + p.bps[1]), PPS: float64(p.pps[0] + p.pps[1])})
	}
	return rates
}

// Traces has a trace of each flow on the screen. Those of flows that leave the
// screen are dropped: a table may be large.
type Traces struct {
	flows map[flow.ID]Trace
}

// Note takes the rates of the flows of a snapshot that are on the screen.
func (t *Traces) Note(s *flow.Snapshot, flows []*flow.Flow) {
	next := make(map[flow.ID]Trace, len(flows))
	for _, f := range flows {
		next[f.ID] = t.flows[f.ID].Add(s, f)
	}
	t.flows = next
}

// Recent returns the latest rates of a flow, as [Trace.Recent] does.
func (t *Traces) Recent(id flow.ID, until time.Time, seconds int, u format.RateUnit) []float64 {
	if t == nil {
		return nil
	}
	return t.flows[id].Recent(until, seconds, u)
}

// Of returns a copy of the trace of a flow.
func (t *Traces) Of(id flow.ID) Trace { return slices.Clone(t.flows[id]) }
