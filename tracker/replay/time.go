package replay

import (
	"context"
	"slices"
	"time"

	"ctop/tracker/collect"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// sweepCost is the assumed cost of a sweep per flow. A live tracker measures
// the cost to choose the interval between sweeps. A replay uses this constant
// instead, so that its results are reproducible.
const sweepCost = 100 * time.Nanosecond

// passTo advances the clock to the time of the next packet and expires flows at
// their time. If no flow expires for long, it skips that time: a capture may be
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

// isQuiet reports whether no flow expires before then, so that a sweep is
// useless. It returns false if the table has many flows for its size: a sweep
// is worth its cost there, and pressure shortens timeouts.
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
	// Flows that are created or change later live at least for the shortest
	// timeout.
	r.quiet = r.elapsed + slices.Min(r.options.Timeouts[:])
	if found {
		r.quiet = min(r.quiet, due)
	}
	return then < r.quiet, nil
}

// fewFlows is the divisor of the table's capacity up to which its flows are
// few.
const fewFlows = 16

// due returns the time at which the next flow expires, or 0 if expired flows wait to be
// swept. found is false if there are no flows.
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

// read takes a snapshot at the capture's time. waiting is the number of expired
// flows that are not swept yet.
func (r *Replay) read() (s *flow.Snapshot, waiting int, err error) {
	started := time.Now()
	s, waiting, err = r.table.ReadWaiting(r.clock(), nil)
	if err != nil {
		return nil, 0, err
	}
	s.Host, s.Uptime, s.MaxFlows = r.options.Host, r.elapsed, r.options.MaxFlows
	role := flow.RoleWire
	if r.watched {
		role = flow.RoleWatch
	}
	for _, name := range r.sides {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: name, Role: role, Mode: flow.ModeReplay, Up: true})
	}
	s.Stalled = make([]bool, len(s.Interfaces))
	averageRates(s)
	s.Warnings = warnings(s)
	s.Took = time.Since(started)
	return s, waiting, nil
}

// shortestAverage is the shortest time for average rates. It prevents absurd
// rates of a short burst.
const shortestAverage = time.Second

// averageRates sets rates averaged over the whole capture, since the last
// interval of a capture means nothing. All rates cover the same time, so the
// flows' rates never exceed the total.
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

// warnings returns the warnings about flows that the replay could not keep.
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
