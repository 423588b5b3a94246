package overview

import (
	"time"

	"ctop/tracker/flow"
)

// Remembered is the number of snapshots in the history.
const Remembered = 600

// sample is the data of one snapshot in the history.
type sample struct {
	at      time.Time
	newRate float64
	pps     float64
	bps     float64
	flows   float64
	// ways are the rates of the watched interfaces that had traffic.
	ways []way
}

// History holds the recent snapshots' data for the charts. The zero value is
// empty.
type History struct {
	samples []sample
	// total is the number of samples ever added. Columns that stand for several
	// samples are aligned to it, so they do not change as time passes.
	total int
	// upTo is the number of samples shown while the page is frozen, else 0.
	upTo int
	last *flow.Counters
	// volumes are the last counters of the watched interfaces.
	volumes map[int]volumes
}

// Add adds a snapshot that is newer than the previous ones.
func (h *History) Add(s *flow.Snapshot) {
	one := sample{at: s.Time, pps: s.PPS, bps: s.BPS, flows: float64(len(s.Flows))}
	if len(s.Interfaces) > 0 && s.Interfaces[0].Mode == flow.ModeReplay && len(h.samples) == 0 && s.Uptime > 0 {
		// A replay has one snapshot, and its rates are averages over the
		// capture.
		one.newRate = float64(s.Counters.FlowsCreated) / max(s.Uptime, time.Second).Seconds()
	}
	if n := len(h.samples); n > 0 && h.last != nil {
		seconds := s.Time.Sub(h.samples[n-1].at).Seconds()
		if created := s.Counters.FlowsCreated; seconds > 0 && created >= h.last.FlowsCreated {
			one.newRate = float64(created-h.last.FlowsCreated) / seconds
		}
	}
	since := 0.0
	if n := len(h.samples); n > 0 {
		since = s.Time.Sub(h.samples[n-1].at).Seconds()
	}
	one.ways = h.ways(s, since)
	counters := s.Counters
	h.last = &counters
	h.samples = append(h.samples, one)
	h.total++
	if len(h.samples) > Remembered+Remembered/4 {
		h.samples = append([]sample(nil), h.samples[len(h.samples)-Remembered:]...)
	}
}

// freeze stops or resumes showing new samples. They are kept meanwhile.
func (h *History) freeze(frozen bool) {
	h.upTo = 0
	if frozen {
		h.upTo = h.total
	}
}

// until shows no sample after a time.
func (h *History) until(at time.Time) {
	n := len(h.samples)
	for n > 0 && h.samples[n-1].at.After(at) {
		n--
	}
	// Zero would show all.
	h.upTo = max(h.total-len(h.samples)+n, 0)
	if h.upTo == 0 {
		h.upTo = -1
	}
}

func (h *History) visible() []sample {
	if h.upTo == 0 {
		return h.samples
	}
	return h.samples[:max(len(h.samples)-(h.total-h.upTo), 0)]
}

// now returns the last shown sample.
func (h *History) now() sample {
	if samples := h.visible(); len(samples) > 0 {
		return samples[len(samples)-1]
	}
	return sample{}
}

// each returns the number of samples per column. It starts at one and doubles
// when the samples do not fit, up to a number that shows minutes.
func (h *History) each(width int) int {
	most := max((Remembered/2+width-1)/width, 1)
	each := 1
	for each < most && each*width < len(h.visible()) {
		each *= 2
	}
	return min(each, most)
}

// columns returns the newest samples as at most width values. Each value is the
// highest of its samples.
func (h *History) columns(width int, of func(sample) float64) []float64 {
	samples := h.visible()
	if width <= 0 || len(samples) == 0 {
		return nil
	}
	each := h.each(width)
	first := h.total - len(h.samples)
	var values []float64
	bucket := -1
	for i := range samples {
		v := of(samples[i])
		if b := (first + i) / each; b != bucket {
			bucket = b
			values = append(values, v)
			continue
		}
		last := &values[len(values)-1]
		*last = max(*last, v)
	}
	return values[max(len(values)-width, 0):]
}

// covered returns the time that width columns show.
func (h *History) covered(width int) time.Duration {
	samples := h.visible()
	if len(samples) < 2 || width <= 0 {
		return 0
	}
	each := h.each(width)
	n := min(len(samples), each*width)
	return samples[len(samples)-1].at.Sub(samples[len(samples)-n].at)
}

// Recent is the time over which new flows are attributed to their sources.
const Recent = 10 * time.Second

// opened returns the recent rate of new flows per second. The first sample has
// no rate, except in a replay.
func (h *History) opened() float64 {
	samples := h.visible()
	if len(samples) == 1 {
		return samples[0].newRate
	}
	sum, n := 0.0, 0
	for i := len(samples) - 1; i > 0 && h.now().at.Sub(samples[i].at) < Recent; i-- {
		sum, n = sum+samples[i].newRate, n+1
	}
	return sum / float64(max(n, 1))
}

// trend is the time over which the growth of the table is measured.
const trend = time.Minute

// growth returns the growth of the table in flows per second.
func (h *History) growth() float64 {
	samples := h.visible()
	n := len(samples)
	if n < 2 {
		return 0
	}
	now := samples[n-1]
	i := n - 2
	for i > 0 && now.at.Sub(samples[i-1].at) <= trend {
		i--
	}
	seconds := now.at.Sub(samples[i].at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return (now.flows - samples[i].flows) / seconds
}
