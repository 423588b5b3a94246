package tracker

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// flows reads every flow as it stands on a clock, with room made for as many as
// are expected. waiting counts those that have ended or expired and are only to
// be swept.
func (t *table) flows(c clock, timeouts *flow.Timeouts, expected int) (flows []flow.Flow, waiting int, err error) {
	flows = make([]flow.Flow, 0, roomFor(expected))
	err = t.each(func(k *kernelKey, v *kernelFlow) {
		if stateFromControl(v.Control) != flow.StateNone {
			flows = append(flows, flow.Flow{})
			f := &flows[len(flows)-1]
			flowFromKernel(f, k, v, c, timeouts)
			if f.TTL(0) > 0 {
				return
			}
			flows = flows[:len(flows)-1]
		}
		waiting++
	})
	return flows, waiting, err
}

// readClock returns both clocks and the time of day, as of now.
func (t *Tracker) readClock() (clock, error) {
	ticks, ns, err := readKernelClock(t.kernel.clock)
	if err != nil {
		return clock{}, err
	}
	now := time.Now
	if t.now != nil {
		now = t.now
	}
	return clock{tick: t.tick, ticks: ticks, ns: ns, wall: now()}, nil
}

// readStats returns what each CPU counted.
func (t *Tracker) readStats() ([]kernelStats, error) {
	var perCPU []kernelStats
	if err := t.kernel.stats.Lookup(uint32(0), &perCPU); err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	return perCPU, nil
}

// readConfig returns the policy and the timeouts in force.
func (t *Tracker) readConfig(c clock) (flow.Policy, flow.Timeouts, error) {
	var config kernelConfig
	var timeouts flow.Timeouts
	if err := t.kernel.config.Lookup(uint32(0), &config); err != nil {
		return 0, timeouts, fmt.Errorf("read the configuration: %w", err)
	}
	for i := range timeouts {
		timeouts[i] = time.Duration(config.TimeoutTicks[i]) * c.tick
	}
	return policyFromKernel(config.Policy), timeouts, nil
}

// Snapshot reads the whole table once. Rates are zero: they take two snapshots,
// which is what a [Sampler] and a [Collector] are for.
func (t *Tracker) Snapshot() (*flow.Snapshot, error) {
	return t.snapshot()
}

// snapshot is of the instant when it begins. A flow that carries something while
// the table is read has been idle for no time.
func (t *Tracker) snapshot() (*flow.Snapshot, error) {
	started := time.Now()
	c, err := t.readClock()
	if err != nil {
		return nil, err
	}
	perCPU, err := t.readStats()
	if err != nil {
		return nil, err
	}
	policy, timeouts, err := t.readConfig(c)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	s := &flow.Snapshot{
		Time:      c.wall,
		Host:      host,
		Policy:    policy,
		Uptime:    time.Duration(c.ns - t.meta.StartedNs),
		Checksums: t.meta.Checksums,
		MaxFlows:  t.meta.MaxFlows,
		Timeouts:  timeouts,
		Counters:  countersFromKernel(perCPU),
	}
	if s.Flows, _, err = t.kernel.table.flows(c, &timeouts, present(s.Counters)); err != nil {
		return nil, err
	}
	uses := t.machineUses()
	for i, m := range t.interfaces() {
		s.Interfaces[i] = m.state()
		s.Interfaces[i].Use = uses[i]
		s.Warnings = s.Warnings.Add(interfaceWarnings(&s.Interfaces[i])...)
	}
	s.Warnings = s.Warnings.Add(mtuWarnings(s.Interfaces)...)
	addUnsent(&s.Counters, t.unsentSides(s.Interfaces))
	s.Took = time.Since(started)
	return s, nil
}

// present is how many flows there are by the counters, which CPUs go on changing
// while they are read.
func present(c flow.Counters) int { return max(int(c.FlowsCreated-c.FlowsDestroyed), 0) }

// state asks the kernel how the interface is.
func (m ifaceMeta) state() flow.Interface {
	i := flow.Interface{Name: m.Name, Index: m.Index, Mode: m.Mode}
	l, err := m.link()
	if err != nil {
		i.Index = 0
		return i
	}
	i.Up = l.Attrs().Flags&unix.IFF_UP != 0
	s := side{link: l}
	i.Virtual, i.MTU = s.virtual(), l.Attrs().MTU
	if counted := l.Attrs().Statistics; counted != nil {
		i.Received, i.Sent, i.SendDrops = counted.RxPackets, counted.TxPackets, counted.TxDropped
	}
	return i
}
