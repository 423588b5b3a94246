package kernel

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/process"
)

// Table is the flow table of a tracker, with its configuration and clocks. Its
// methods are safe for concurrent use.
type Table struct {
	objects *Objects
	tick    time.Duration
	// now returns the time of day.
	now func() time.Time
	// book knows the processes behind flows.
	book *process.Book

	// locals are the addresses of this machine, nil if nothing is watched.
	locals atomic.Pointer[flow.Locals]
	// namer knows the names of servers, nil if nobody reads them.
	namer atomic.Pointer[Namer]

	// spare is set while a partner lives, which ends its own flows.
	spare atomic.Bool

	mu sync.Mutex
	// config is the configuration as last written.
	config kernelConfig
}

// NewTable returns the table of k. It measures the length of a jiffy and reads
// the configuration.
func NewTable(k *Objects) (*Table, error) {
	tick, err := measureTick(k.clock)
	if err != nil {
		return nil, err
	}
	t := &Table{objects: k, tick: tick, now: time.Now, book: process.NewBook()}
	return t, t.readBack()
}

// NewReplayTable returns the table of objects with an injected clock. tick is
// the length of its ticks.
func NewReplayTable(k *Objects, tick time.Duration) *Table {
	return &Table{objects: k, tick: tick, now: time.Now, book: process.NewBook()}
}

// Configure sets the policy and the timeouts.
func (t *Table) Configure(policy flow.Policy, timeouts flow.Timeouts) error {
	id, err := t.objects.outputsID()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config.OutputsId = id
	t.config.Policy = kernelPolicy(policy)
	t.config.Paired = 0 // a pair says so itself
	c := Clock{Tick: t.tick}
	for name, d := range timeouts {
		t.config.TimeoutTicks[name] = c.ticksOf(d)
	}
	return t.writeConfig()
}

// readBack reads the configuration, which another process may have changed. The
// caller holds the mutex.
func (t *Table) readBack() error {
	if err := t.objects.config.Lookup(uint32(0), &t.config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	return nil
}

// writeConfig writes the configuration. The caller holds the mutex.
func (t *Table) writeConfig() error {
	if err := t.objects.config.Put(uint32(0), &t.config); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// SetInterface sets the interface index of an attachment point. Packets that
// arrive at the senders leave through it. Index 0 means that the interface is
// gone: its index may be given to a new interface.
func (t *Table) SetInterface(point, index int, senders ...int) error {
	err := t.setPoints(func(c *kernelConfig) {
		c.Points[point].Ifindex = uint32(index)
		for _, from := range senders {
			c.Points[from].To = uint32(index)
		}
	})
	if err != nil || index == 0 {
		return err // the kernel removes what is gone from the map
	}
	return t.setOutputs(index, senders...)
}

// setPoints changes the points, and nothing where that changes none.
func (t *Table) setPoints(change func(*kernelConfig)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.readBack(); err != nil {
		return err
	}
	before := t.config.Points
	if change(&t.config); t.config.Points == before {
		return nil
	}
	return t.writeConfig()
}

// setOutputs sets the egress interface of the senders.
func (t *Table) setOutputs(index int, senders ...int) error {
	for _, from := range senders {
		if err := t.objects.outputs.Put(uint32(from), uint32(index)); err != nil {
			return fmt.Errorf("set the egress interface: %w", err)
		}
	}
	return nil
}

// HasInterface reports whether a point has the interface index and the senders'
// packets leave through it.
func (t *Table) HasInterface(point, index int, senders ...int) bool {
	for _, from := range senders {
		var output uint32
		if err := t.objects.outputs.Lookup(uint32(from), &output); err != nil || output != uint32(index) {
			return false
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.config.Points[point].Ifindex == uint32(index)
}
