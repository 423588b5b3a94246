package overview

import (
	"time"

	"ctop/tracker/flow"
)

// Remembered is how many snapshots the history goes back.
const Remembered = 600

// sample is what one snapshot adds to the history.
type sample struct {
	at      time.Time
	newRate float64
	pps     float64
	bps     float64
	flows   float64
}

// History is what the console remembers of snapshots for the charts. Its zero
// value is empty.
type History struct {
	samples []sample
	// total counts all samples that ever were, so that columns which stand
	// for several do not change as time goes by.
	total int
	// upTo is how many of them are shown while the page is frozen, zero where
	// it is not.
	upTo int
	last *flow.Counters
}

// Add takes a snapshot that is newer than those before.
func (h *History) Add(s *flow.Snapshot) {
	one := sample{at: s.Time, pps: s.PPS, bps: s.BPS, flows: float64(len(s.Flows))}
	if len(s.Interfaces) > 0 && s.Interfaces[0].Mode == flow.ModeReplay && len(h.samples) == 0 && s.Uptime > 0 {
		// It is the only one, and its rates are averages, too.
		one.newRate = float64(s.Counters.FlowsCreated) / max(s.Uptime, time.Second).Seconds()
	}
	if n := len(h.samples); n > 0 && h.last != nil {
		seconds := s.Time.Sub(h.samples[n-1].at).Seconds()
		if created := s.Counters.FlowsCreated; seconds > 0 && created >= h.last.FlowsCreated {
			one.newRate = float64(created-h.last.FlowsCreated) / seconds
		}
	}
	counters := s.Counters
	h.last = &counters
	h.samples = append(h.samples, one)
	h.total++
	if len(h.samples) > Remembered+Remembered/4 {
		h.samples = append([]sample(nil), h.samples[len(h.samples)-Remembered:]...)
	}
}

// freeze shows what is remembered now for as long as wanted; what comes is kept.
func (h *History) freeze(frozen bool) {
	h.upTo = 0
	if frozen {
		h.upTo = h.total
	}
}

func (h *History) visible() []sample {
	if h.upTo == 0 {
		return h.samples
	}
	return h.samples[:max(len(h.samples)-(h.total-h.upTo), 0)]
}

// now is the last sample that is shown.
func (h *History) now() sample {
	if samples := h.visible(); len(samples) > 0 {
		return samples[len(samples)-1]
	}
	return sample{}
}

// each is how many samples a column stands for: at first one, so that there is
// something to see, then twice as many whenever there is no room for all, up to
// as many as it takes to show minutes.
func (h *History) each(width int) int {
	most := max((Remembered/2+width-1)/width, 1)
	each := 1
	for each < most && each*width < len(h.visible()) {
		each *= 2
	}
	return min(each, most)
}

// columns returns the newest samples as at most width values, each the highest
// of those that it stands for.
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

// covered is how long a time a number of columns shows.
func (h *History) covered(width int) time.Duration {
	samples := h.visible()
	if len(samples) < 2 || width <= 0 {
		return 0
	}
	each := h.each(width)
	n := min(len(samples), each*width)
	return samples[len(samples)-1].at.Sub(samples[len(samples)-n].at)
}

// Recent is how far back it is told who opens flows.
const Recent = 10 * time.Second

// opened returns how many flows a second were opened in the recent time. The very
// first sample has nothing to be compared with.
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

// trend is how far back the growth of the table is measured.
const trend = time.Minute

// growth returns how many flows per second the table grows by.
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
