package tracker

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// batchSize is how many entries are read at once. It grows where a bucket of the
// table holds more.
const (
	batchSize    = 4096
	maxBatchSize = 1 << 20
)

// rawTable is what the last reading of the table filled, kept for the next.
type rawTable struct {
	keys   []kernelKey
	values []kernelFlow
	count  int
}

// read reads the whole table. It grows with the table, and tells where entries
// came or went meanwhile by nothing at all: such entries may or may not be in it.
func (r *rawTable) read(m *ebpf.Map) error {
	var cursor ebpf.MapBatchCursor
	r.count = 0
	size := batchSize
	for {
		r.grow(r.count + size)
		n, err := m.BatchLookup(&cursor, r.keys[r.count:r.count+size], r.values[r.count:r.count+size], nil)
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			// The end, and what was read on the way to it.
			r.count += n
			return nil
		case errors.Is(err, unix.ENOSPC) && size < maxBatchSize:
			size *= 2
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return fmt.Errorf("read the table: %w", err)
		default:
			r.count += n
		}
	}
}

func (r *rawTable) grow(n int) {
	if n <= len(r.keys) {
		return
	}
	n = max(n, 2*len(r.keys))
	keys, values := make([]kernelKey, n), make([]kernelFlow, n)
	copy(keys, r.keys[:r.count])
	copy(values, r.values[:r.count])
	r.keys, r.values = keys, values
}

// readClock returns both clocks and the time of day, as of now.
func (t *Tracker) readClock() (clock, error) {
	ticks, ns, err := readKernelClock(t.kernel.clock)
	if err != nil {
		return clock{}, err
	}
	return clock{tick: t.tick, ticks: ticks, ns: ns, wall: time.Now()}, nil
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
func (t *Tracker) readConfig(c clock) (Policy, Timeouts, error) {
	var config kernelConfig
	var timeouts Timeouts
	if err := t.kernel.config.Lookup(uint32(0), &config); err != nil {
		return 0, timeouts, fmt.Errorf("read the configuration: %w", err)
	}
	for i := range timeouts {
		timeouts[i] = time.Duration(config.TimeoutTicks[i]) * c.tick
	}
	return policyFromKernel(config.Policy), timeouts, nil
}

// Snapshot reads the whole table once. Rates are zero: they take two snapshots,
// which is what a [Collector] is for.
func (t *Tracker) Snapshot() (*Snapshot, error) {
	return t.snapshot(new(rawTable))
}

func (t *Tracker) snapshot(raw *rawTable) (*Snapshot, error) {
	started := time.Now()
	if err := raw.read(t.kernel.flows); err != nil {
		return nil, err
	}
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
	s := &Snapshot{
		Time:     c.wall,
		Host:     host,
		Policy:   policy,
		Uptime:   time.Duration(c.ns - t.meta.StartedNs),
		MaxFlows: t.meta.MaxFlows,
		Timeouts: timeouts,
		Counters: countersFromKernel(perCPU),
		Flows:    decodeFlows(raw, c, &timeouts),
	}
	for i, m := range t.interfaces() {
		s.Interfaces[i] = m.state()
		if !s.Interfaces[i].Up {
			s.Warnings = append(s.Warnings, s.Interfaces[i].trouble())
		}
	}
	s.Took = time.Since(started)
	return s, nil
}

// decodeFlows leaves out what has ended or expired and only waits to be swept.
func decodeFlows(raw *rawTable, c clock, timeouts *Timeouts) []Flow {
	flows := make([]Flow, 0, raw.count)
	for i := range raw.count {
		if stateFromControl(raw.values[i].Control) == StateNone {
			continue
		}
		f := flowFromKernel(&raw.keys[i], &raw.values[i], c, timeouts)
		if f.TTL(0) > 0 {
			flows = append(flows, f)
		}
	}
	return flows
}

// state asks the kernel how the interface is.
func (m ifaceMeta) state() Interface {
	i := Interface{Name: m.Name, Index: m.Index, Mode: m.Mode}
	l, err := netlink.LinkByIndex(m.Index)
	if err != nil {
		i.Index = 0
		return i
	}
	i.Up = l.Attrs().Flags&unix.IFF_UP != 0
	return i
}
