package alert

import (
	"cmp"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Watch looks at every snapshot for what its rules ask. It is safe for concurrent use.
type Watch struct {
	log *slog.Logger

	mu    sync.Mutex
	rules []state
}

// state is a rule and what became of it.
type state struct {
	Rule
	// flows and bps are those of the latest snapshot.
	flows int
	bps   float64
	// active is set from began on until the alert ends. turned is when the condition
	// began to say otherwise, zero if it does not.
	active        bool
	began, turned time.Time
	// total is how often the alert began.
	total uint64
}

// NewWatch returns a watch. It logs when an alert begins and ends.
func NewWatch(rules []Rule, log *slog.Logger) *Watch {
	w := &Watch{log: log}
	for _, r := range rules {
		w.rules = append(w.rules, state{Rule: r})
	}
	return w
}

// Look evaluates the rules on a snapshot, and puts the alerts that hold into it. It
// returns the processor time that it took.
func (w *Watch) Look(s *flow.Snapshot) time.Duration {
	found, took := w.count(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Alerts = nil
	for i := range w.rules {
		r := &w.rules[i]
		r.flows, r.bps = found[i].flows, found[i].bps
		w.turn(r, s.Time)
		if r.active {
			s.Alerts = append(s.Alerts, flow.Alert{
				Name: r.Name, Filter: r.Filter.String(), Began: r.began, Flows: r.flows, BPS: r.bps, Bell: r.Bell,
			})
		}
	}
	return took
}

// LookAgain evaluates the rules on a snapshot in which others' alerts may be. These
// stay, but for those with the name of a rule.
func (w *Watch) LookAgain(s *flow.Snapshot) {
	recorded := s.Alerts
	w.Look(s)
	for _, a := range recorded {
		if !slices.ContainsFunc(w.rules, func(r state) bool { return r.Name == a.Name }) {
			s.Alerts = append(s.Alerts, a)
		}
	}
	slices.SortFunc(s.Alerts, func(a, b flow.Alert) int { return cmp.Compare(a.Name, b.Name) })
}

// LookOnce evaluates the rules on a snapshot that is the only one: what holds is taken to
// have held for long enough.
func LookOnce(rules []Rule, s *flow.Snapshot) {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].For = 0
	}
	NewWatch(rules, slog.New(slog.DiscardHandler)).Look(s)
}

// turn begins or ends an alert once its condition has said so for long enough.
func (w *Watch) turn(r *state, now time.Time) {
	if r.holds(r.flows, r.bps) == r.active {
		r.turned = time.Time{}
		return
	}
	if r.turned.IsZero() || now.Before(r.turned) {
		r.turned = now
	}
	if now.Sub(r.turned) < r.For {
		return
	}
	r.active, r.turned = !r.active, time.Time{}
	if r.active {
		r.began = now
		r.total++
		w.log.Warn("an alert begins", "alert", r.Name, "filter", r.Filter.String(), "flows", r.flows, "bits_per_second", int64(r.bps))
		return
	}
	w.log.Info("an alert ends", "alert", r.Name, "filter", r.Filter.String(), "lasted", now.Sub(r.began).Round(time.Second))
}

// sum is what passes a filter.
type sum struct {
	flows int
	bps   float64
}

// count applies the filters to the flows, on all processors if there are many flows. It
// returns the time that this took on one.
func (w *Watch) count(s *flow.Snapshot) (found []sum, took time.Duration) {
	found = make([]sum, len(w.rules))
	workers := 1
	if len(s.Flows) >= many {
		workers = min(len(w.rules), runtime.GOMAXPROCS(0))
	}
	spent := make([]time.Duration, workers)
	var wg sync.WaitGroup
	for n := range workers {
		wg.Go(func() {
			began := time.Now()
			for i := n; i < len(w.rules); i += workers {
				found[i] = add(s, w.rules[i].Filter.For(s)) // rules are not changed
			}
			spent[n] = time.Since(began)
		})
	}
	wg.Wait()
	for _, d := range spent {
		took += d
	}
	return found, took
}

func add(s *flow.Snapshot, wanted filter.Filter) (found sum) {
	for i := range s.Flows {
		if f := &s.Flows[i]; wanted.Match(f) {
			found.flows++
			found.bps += f.BPS()
		}
	}
	return found
}

// many is the number of flows from which on rules are looked at side by side.
const many = 10_000

// Status is what a rule says now.
type Status struct {
	Name   string
	Active bool
	// Flows and BPS are what passed the filter in the latest snapshot, and Total is how
	// often the alert began.
	Flows int
	BPS   float64
	Total uint64
}

// Status returns what the rules say now, by name.
func (w *Watch) Status() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Status, len(w.rules))
	for i := range w.rules {
		r := &w.rules[i]
		list[i] = Status{r.Name, r.active, r.flows, r.bps, r.total}
	}
	return list
}

// Text says in the header what an alert has found.
func Text(a *flow.Alert) string {
	return "alert " + a.Name + ": " + format.Plural(a.Flows, "flow") + ", " + format.Unit(a.BPS, "b/s") + " since " + a.Began.Format(time.TimeOnly)
}

// Changes says which alerts began and ended between two snapshots, as lines for a log of
// events. ring is set if one that began is to ring.
func Changes(before, after []flow.Alert, now time.Time) (lines []string, ring bool) {
	has := func(list []flow.Alert, a flow.Alert) bool {
		return slices.ContainsFunc(list, func(b flow.Alert) bool { return b.Name == a.Name && b.Began.Equal(a.Began) })
	}
	for _, a := range before {
		if !has(after, a) {
			lines = append(lines, "alert "+a.Name+" ends after "+format.Age(now.Sub(a.Began)))
		}
	}
	for _, a := range after {
		if has(before, a) {
			continue
		}
		text := "alert " + a.Name + " begins: " + format.Plural(a.Flows, "flow") + ", " + format.Unit(a.BPS, "b/s") + ", " + a.Filter
		if old := now.Sub(a.Began); old >= 2*time.Second {
			text = "alert " + a.Name + " goes on for " + format.Age(old) + ": " + format.Plural(a.Flows, "flow") + ", " + format.Unit(a.BPS, "b/s") + ", " + a.Filter
		}
		lines, ring = append(lines, text), ring || a.Bell
	}
	return lines, ring
}
