package replay

import (
	"context"
	"slices"
	"time"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// sweepCost is about what a sweep costs for each flow. Sweeps are made as often
// on the capture's clock as a live tracker makes them, but by the count and not
// by the time they take: a replay does the same whenever it is made.
const sweepCost = 100 * time.Nanosecond

// passTo lets time pass up to the next packet, and expires flows on the way when
// they are due. Where nothing is due for long the clock leaps: a capture may be
// silent for days.
func (r *Replay) passTo(ctx context.Context, then time.Duration) error {
	for then-r.swept >= r.pause {
		if err := ctx.Err(); err != nil {
			return err
		}
		if quiet, err := r.isQuiet(then); quiet || err != nil {
			if err != nil {
				return err
			}
			break
		}
		next := r.swept + r.pause
		if then-r.elapsed > 10*r.pause {
			due, found, err := r.due()
			if err != nil {
				return err
			}
			if !found {
				next = then
			}
			next = max(next, due)
		}
		if err := r.sweepAt(max(min(next, then), r.elapsed)); err != nil {
			return err
		}
	}
	if then > r.elapsed {
		r.elapsed = then
	}
	return nil
}

// isQuiet reports whether nothing can expire up to the given time, so that a sweep
// would visit the whole table for nothing. It looks at tables that hold few flows
// for their size: in others a sweep is well spent, and where room is scarce flows
// have less time than their timeouts.
func (r *Replay) isQuiet(then time.Duration) (bool, error) {
	if then < r.quiet {
		return true, nil
	}
	counters, err := r.table.Counters()
	if err != nil {
		return false, err
	}
	if kernel.Present(&counters) > r.options.MaxFlows/fewFlows {
		return false, nil
	}
	due, found, err := r.due()
	if err != nil {
		return false, err
	}
	// A flow that begins or changes from now on has at least the shortest timeout.
	r.quiet = r.elapsed + slices.Min(r.options.Timeouts[:])
	if found {
		r.quiet = min(r.quiet, due)
	}
	return then < r.quiet, nil
}

// fewFlows is the share of a table, one in so many, that are few.
const fewFlows = 16

// due returns when the next flow expires, if there is any flow.
func (r *Replay) due() (at time.Duration, found bool, err error) {
	s, waiting, err := r.read()
	if err != nil || waiting > 0 {
		return 0, waiting > 0, err
	}
	at = maxLength
	for i := range s.Flows {
		at = min(at, r.elapsed+min(s.Flows[i].TTL(0), maxLength))
	}
	return at, len(s.Flows) > 0, nil
}

func (r *Replay) sweepAt(at time.Duration) error {
	r.swept = at
	if err := r.setClock(at); err != nil {
		return err
	}
	done, err := r.table.Sweep(0)
	if err != nil {
		return err
	}
	r.pause = collect.SweepPause(time.Duration(done.Visited)*sweepCost, false)
	return r.drain()
}

// read takes a snapshot as of the capture's clock, and counts the flows that
// wait to be swept.
func (r *Replay) read() (s *flow.Snapshot, waiting int, err error) {
	started := time.Now()
	s, waiting, err = r.table.ReadWaiting(r.clock())
	if err != nil {
		return nil, 0, err
	}
	s.Host, s.Uptime, s.MaxFlows = r.options.Host, r.elapsed, r.options.MaxFlows
	for _, name := range r.sides {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: name, Mode: flow.ModeReplay, Up: true})
	}
	s.Stalled = make([]bool, len(s.Interfaces))
	averageRates(s)
	s.Warnings = warnings(s)
	s.Took = time.Since(started)
	return s, waiting, nil
}

// shortestAverage keeps a burst of a few packets from having a rate that nobody
// has seen.
const shortestAverage = time.Second

// averageRates fills in rates over the whole capture: at its end there is no last
// interval that would mean anything. All are over the same time, so that those of
// the flows never add up to more than that of the whole.
func averageRates(s *flow.Snapshot) {
	seconds := max(s.Uptime, shortestAverage).Seconds()
	for i := range s.Flows {
		f := &s.Flows[i]
		for _, h := range []*flow.Half{&f.Origin, &f.Reply} {
			h.PPS, h.BPS = float64(h.Packets)/seconds, 8*float64(h.Bytes)/seconds
		}
	}
	s.PPS, s.BPS = float64(s.Counters.Packets)/seconds, 8*float64(s.Counters.Bytes)/seconds
}

// warnings says what a replay could not hold, since nobody was there to
// read about it when it happened.
func warnings(s *flow.Snapshot) flow.Warnings {
	list := collect.TableWarnings(s)
	if n := s.Counters.Destroyed[flow.ReasonEvicted]; n > 0 {
		list = append(list, flow.Warning{Kind: flow.WarningEvicted, Numbers: []int{int(n)}})
	}
	if n := s.Counters.TableFull; n > 0 {
		list = append(list, flow.Warning{Kind: flow.WarningNotTracked, Numbers: []int{int(n)}})
	}
	return list
}
