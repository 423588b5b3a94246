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

// SetRoute names the interface of a side: packets that come in by the other side
// leave by it. Index zero stands for an interface that is gone, because the next
// interface that is created may get its index.
func (t *Table) SetRoute(side, index int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.readBack(); err != nil {
		return err
	}
	if t.config.Ifindex[side] != uint32(index) {
		t.config.Ifindex[side] = uint32(index)
		if err := t.writeConfig(); err != nil {
			return err
		}
	}
	if index == 0 {
		return nil // the kernel removes it from the map
	}
	return t.setOutput(side, index)
}

// setOutput makes an interface the way out for what comes in by the other side.
func (t *Table) setOutput(side, index int) error {
	if err := t.objects.outputs.Put(uint32(1-side), uint32(index)); err != nil {
		return fmt.Errorf("set the egress interface: %w", err)
	}
	return nil
}

// HasRoute reports whether packets for a side leave by the interface.
func (t *Table) HasRoute(side, index int) bool {
	var output uint32
	err := t.objects.outputs.Lookup(uint32(1-side), &output)
	t.mu.Lock()
	defer t.mu.Unlock()
	return err == nil && output == uint32(index) && t.config.Ifindex[side] == output
}
