package kernel

import (
	"fmt"
	"time"

	"ctop/tracker/flow"
)

// ReadClock reads the kernel's clocks and the time of day.
func (t *Table) ReadClock() (Clock, error) {
	ticks, ns, err := readKernelClock(t.objects.clock)
	if err != nil {
		return Clock{}, err
	}
	return Clock{Tick: t.tick, Ticks: ticks, Ns: ns, Wall: t.now()}, nil
}

// readStats returns the counters of each CPU.
func (t *Table) readStats() ([]kernelStats, error) {
	var perCPU []kernelStats
	if err := t.objects.stats.Lookup(uint32(0), &perCPU); err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	return perCPU, nil
}

// Counters returns the programs' counters.
func (t *Table) Counters() (flow.Counters, error) {
	perCPU, err := t.readStats()
	if err != nil {
		return flow.Counters{}, err
	}
	return countersFromKernel(perCPU), nil
}

// readConfig returns the current policy and timeouts.
func (t *Table) readConfig(c Clock) (flow.Policy, flow.Timeouts, error) {
	var config kernelConfig
	var timeouts flow.Timeouts
	if err := t.objects.config.Lookup(uint32(0), &config); err != nil {
		return 0, timeouts, fmt.Errorf("read the configuration: %w", err)
	}
	for i := range timeouts {
		timeouts[i] = time.Duration(config.TimeoutTicks[i]) * c.Tick
	}
	return policyFromKernel(config.Policy), timeouts, nil
}

// Policy returns the current policy.
func (t *Table) Policy() (flow.Policy, error) {
	policy, _, err := t.readConfig(Clock{})
	return policy, err
}

// Status returns a snapshot with the counters and the configuration, without flows.
func (t *Table) Status(c Clock) (*flow.Snapshot, error) {
	counters, err := t.Counters()
	if err != nil {
		return nil, err
	}
	policy, timeouts, err := t.readConfig(c)
	if err != nil {
		return nil, err
	}
	return &flow.Snapshot{Time: c.Wall, Policy: policy, Timeouts: timeouts, Counters: counters}, nil
}

// Read reads the whole table as of the clock's time, with counters and
// configuration, and sets the rates if r is not nil. A flow that has a packet during
// the reading counts as active at that time.
func (t *Table) Read(c Clock, r *Rates) (*flow.Snapshot, error) {
	s, _, err := t.ReadWaiting(c, r)
	return s, err
}

// ReadWaiting is like [Table.Read], and also counts entries that ended or
// expired and were not swept yet.
func (t *Table) ReadWaiting(c Clock, r *Rates) (s *flow.Snapshot, waiting int, err error) {
	if s, err = t.Status(c); err != nil {
		return nil, 0, err
	}
	decode := decoder{table: t, clock: c, timeouts: &s.Timeouts, rates: r, locals: t.locals.Load()}
	expected := Present(&s.Counters)
	err = t.objects.mapping.use(func(places []kernelFlow) {
		if r != nil {
			r.begin(s, len(places))
			defer r.end()
		}
		s.Flows, waiting = decode.flows(places, expected)
	})
	if err != nil {
		return nil, 0, err
	}
	return s, waiting, nil
}

// SetLocals sets the addresses by which flows and events tell which end is this
// machine.
func (t *Table) SetLocals(l flow.Locals) { t.locals.Store(&l) }

// RecentLocals knows which ends of the latest flows are this machine: a connection has
// many events. The zero value knows none.
type RecentLocals struct {
	of    *flow.Locals
	flows [64]struct {
		id   flow.ID
		ends flow.Ends
	}
}

// Of returns the ends of a flow that are this machine, by its ID and tuple.
func (r *RecentLocals) Of(t *Table, id flow.ID, tuple *flow.Tuple) flow.Ends {
	locals := t.locals.Load()
	if locals == nil {
		return 0
	}
	if locals != r.of {
		*r = RecentLocals{of: locals}
	}
	f := &r.flows[uint64(id)%uint64(len(r.flows))]
	if f.id != id {
		f.id, f.ends = id, locals.Ends(tuple)
	}
	return f.ends
}

// Rows calls visit for every live flow. A row is valid until visit returns.
func (t *Table) Rows(visit func(*Row)) error {
	return t.objects.mapping.each(func(_ int, v *kernelFlow) {
		if row := rowFromKernel(v); row.State() != flow.StateNone {
			visit(&row)
		}
	})
}

// Part calls visit with the flows at n places of the table from one on, as updates. It
// reports whether there are places after these that were ever used.
func (t *Table) Part(from, n int, visit func(*flow.Event)) (more bool, err error) {
	c, err := t.ReadClock()
	if err != nil {
		return false, err
	}
	err = t.objects.mapping.use(func(places []kernelFlow) {
		end := min(from+n, len(places))
		more = end < len(places)
		if from >= end {
			return
		}
		eachFlow(places[from:end], func(place int, v *kernelFlow) {
			e := updateFromKernel(v, c)
			t.ownerOf(&e.Holding, from+place, v)
			if t.objects.mapping.octetsAt(&e, from+place, v) {
				visit(&e)
			}
		})
	})
	return more, err
}

// Present returns the number of flows according to the counters. It is
// approximate, since they change while they are read.
func Present(c *flow.Counters) int { return max(int(c.FlowsCreated-c.FlowsDestroyed), 0) }

// RoomFor returns a capacity for n flows and some new ones.
func RoomFor(n int) int { return n + n/64 + 64 }
