package kernel

import (
	"fmt"
	"sync"
	"time"

	"ctop/tracker/flow"
)

// Table is the flow table of a tracker, with its configuration and its clocks. Its
// methods may be called from any goroutine.
type Table struct {
	objects *Objects
	tick    time.Duration
	// now returns the time of day.
	now func() time.Time

	mu sync.Mutex
	// config is what the programs were last told.
	config kernelConfig
}

// NewTable returns the table of some objects. It measures the kernel's tick, and reads
// the configuration in force.
func NewTable(k *Objects) (*Table, error) {
	tick, err := measureTick(k.clock)
	if err != nil {
		return nil, err
	}
	t := &Table{objects: k, tick: tick, now: time.Now}
	return t, t.readBack()
}

// NewReplayTable returns the table of objects whose clock is injected.
func NewReplayTable(k *Objects, tick time.Duration) *Table {
	return &Table{objects: k, tick: tick, now: time.Now}
}

// Configure gives the programs a policy and timeouts.
func (t *Table) Configure(policy flow.Policy, timeouts flow.Timeouts) error {
	id, err := t.objects.outputsID()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config.OutputsId = id
	t.config.Policy = kernelPolicy(policy)
	c := Clock{Tick: t.tick}
	for name, d := range timeouts {
		t.config.TimeoutTicks[name] = c.ticksOf(d)
	}
	return t.writeConfig()
}

// readBack reads the configuration: another process may have changed it. The mutex
// is held.
func (t *Table) readBack() error {
	if err := t.objects.config.Lookup(uint32(0), &t.config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	return nil
}

// writeConfig writes the configuration. The mutex is held.
func (t *Table) writeConfig() error {
	if err := t.objects.config.Put(uint32(0), &t.config); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// SetInterface names the interface of an attachment point. Packets that come in at the
// senders leave by it. Index zero stands for an interface that is gone, because the
// next interface that is created may get its index.
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

// PassOn passes packets that come in at a point on to the next program of the hook, and
// to the stack. Native and generic XDP cannot do that.
func (t *Table) PassOn(point int) error {
	return t.setPoints(func(c *kernelConfig) { c.Points[point].To = toNext })
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

// setOutputs makes an interface the egress interface of what comes in at points.
func (t *Table) setOutputs(index int, senders ...int) error {
	for _, from := range senders {
		if err := t.objects.outputs.Put(uint32(from), uint32(index)); err != nil {
			return fmt.Errorf("set the egress interface: %w", err)
		}
	}
	return nil
}

// HasInterface reports whether the programs know the interface of a point, and packets
// from the senders leave by it.
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
