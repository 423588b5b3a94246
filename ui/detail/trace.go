package detail

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

// trace is the rates of a flow, oldest first.
type trace []point

func (t trace) add(s *flow.Snapshot, f *flow.Flow) trace {
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

// rates returns what the direction's rates were.
func (t trace) rates(direction int, u format.RateUnit) []float64 {
	rates := make([]float64, len(t))
	for i, p := range t {
		rates[i] = u.Of(flow.Half{BPS: float64(p.bps[direction]), PPS: float64(p.pps[direction])})
	}
	return rates
}

// covered is how long a time the newest of them are about.
func (t trace) covered(newest int) time.Duration {
	n := min(newest, len(t))
	if n < 2 {
		return 0
	}
	return time.Duration(t[len(t)-1].at - t[len(t)-n].at)
}

// Traces remembers the rates of the flows that are on the screen, so that the
// page of one of them begins with what it did before. What leaves the screen is
// forgotten: a table may be large.
type Traces struct {
	flows map[flow.ID]trace
}

// Note takes the flows that a snapshot has on the screen.
func (t *Traces) Note(s *flow.Snapshot, flows []*flow.Flow) {
	next := make(map[flow.ID]trace, len(flows))
	for _, f := range flows {
		next[f.ID] = t.flows[f.ID].add(s, f)
	}
	t.flows = next
}

// of returns a copy, which goes its own way.
func (t *Traces) of(id flow.ID) trace { return slices.Clone(t.flows[id]) }
