package tracker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
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
	perCPU, err := r.tracker.readStats()
	if err != nil {
		return false, err
	}
	if present(countersFromKernel(perCPU)) > r.options.MaxFlows/fewFlows {
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
	at = maxReplay
	for i := range s.Flows {
		at = min(at, r.elapsed+min(s.Flows[i].TTL(0), maxReplay))
	}
	return at, len(s.Flows) > 0, nil
}

func (r *Replay) sweepAt(at time.Duration) error {
	r.swept = at
	if err := r.setClock(at); err != nil {
		return err
	}
	done, err := r.tracker.sweep(0)
	if err != nil {
		return err
	}
	r.pause = sweepPause(time.Duration(done.visited)*sweepCost, false)
	return r.drain()
}

// read takes a snapshot as of the capture's clock, and counts the flows that
// wait to be swept.
func (r *Replay) read() (s *flow.Snapshot, waiting int, err error) {
	started := time.Now()
	perCPU, err := r.tracker.readStats()
	if err != nil {
		return nil, 0, err
	}
	c := r.clock()
	policy, timeouts, err := r.tracker.readConfig(c)
	if err != nil {
		return nil, 0, err
	}
	s = &flow.Snapshot{
		Time: c.wall, Host: r.options.Host, Policy: policy, Uptime: r.elapsed,
		MaxFlows: r.options.MaxFlows, Timeouts: timeouts,
		Counters: countersFromKernel(perCPU),
	}
	if s.Flows, waiting, err = r.tracker.kernel.table.flows(c, &timeouts, present(s.Counters)); err != nil {
		return nil, 0, err
	}
	for i, name := range r.sides {
		s.Interfaces[i] = flow.Interface{Name: name, Mode: flow.ModeReplay, Up: true}
	}
	averageRates(s)
	s.Warnings = replayWarnings(s)
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
			h.PPS, h.BPS = perSecond(volume{}, volume{h.Packets, h.Bytes}, seconds)
		}
	}
	s.PPS, s.BPS = perSecond(volume{}, volume{s.Counters.Packets, s.Counters.Bytes}, seconds)
}

// replayWarnings says what a replay could not hold, since nobody was there to
// read about it when it happened.
func replayWarnings(s *flow.Snapshot) flow.Warnings {
	list := tableWarnings(s)
	if n := s.Counters.Destroyed[flow.ReasonEvicted]; n > 0 {
		list = append(list, flow.Warning{Kind: flow.WarningEvicted, Numbers: []int{int(n)}})
	}
	if n := s.Counters.TableFull; n > 0 {
		list = append(list, flow.Warning{Kind: flow.WarningNotTracked, Numbers: []int{int(n)}})
	}
	return list
}

// refusedLength reports whether the kernel takes no packet of this length.
func refusedLength(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.E2BIG)
}

// eventFromSample copies an event out of a record, which the kernel rounds up to
// eight bytes.
func eventFromSample(sample []byte) (*kernelEvent, error) {
	e := new(kernelEvent)
	size := int(unsafe.Sizeof(*e))
	if len(sample) < size || len(sample) >= size+8 {
		return nil, fmt.Errorf("read an event: it has %d bytes, not %d", len(sample), size)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(e)), size), sample)
	return e, nil
}
