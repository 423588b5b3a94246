package owner

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// A tracker that follows all interfaces has those that it watches, and not those that it
// leaves out or that left.
func TestHolding(t *testing.T) {
	lab.Require(t)
	objects, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: true})
	must(t, err)
	defer objects.Close()
	watched := func(name string, left bool) netdev.Point {
		return netdev.Point{Name: name, Index: 1000, Role: flow.RoleWatch, Mode: flow.ModeTC, Left: left}
	}
	d := Description{
		Layout: kernel.CurrentLayout(), MaxFlows: flow.MinMaxFlows, StartedNs: 1, Programs: "others", Follow: &netdev.Follow{},
		Interfaces: []netdev.Point{watched("eth0", false), watched("eth1", true)},
	}
	expect := func(name string, want []string) {
		t.Helper()
		if got, err := Holding(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is one of %q, error %v, want %q", name, got, err, want)
		}
	}
	expect("eth0", nil)
	where, _, err := Prepare(netdev.All)
	must(t, err)
	h := New(objects, d, where.Dir())
	must(t, h.Describe())
	_, err = h.Pin()
	must(t, err)
	defer func() { must(t, errors.Join(h.Remove(nil)...)); h.Release() }()
	expect("eth0", []string{netdev.All})
	expect("eth1", nil)
	expect("eth2", nil)
}

// What a killed tracker without pins left is named as it was, if its interfaces are gone.
func TestDownOfWhatIsGone(t *testing.T) {
	lab.Require(t)
	d := goodDescription()
	d.Interfaces = netdev.Wire(netdev.Point{Name: "left", Index: 1000, Mode: flow.ModeTC}, netdev.Point{Name: "right", Index: 1001, Mode: flow.ModeTC})
	j, err := makeJournal(d)
	must(t, err)
	defer j.remove()
	j.release()
	if err := Down(t.Context(), "left", "middle"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("others: %v", err)
	}
	if err := Down(t.Context(), "right", "left"); err != nil {
		t.Error(err)
	}
	if err := Down(t.Context(), "right", "left"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("again: %v", err)
	}
}

// A slot for a reader of events is free until one has it, and again afterwards.
func TestLockReader(t *testing.T) {
	h := &Hold{dir: t.TempDir()}
	release, ok := h.LockReader(3)
	if !ok {
		t.Fatal("a free slot is refused")
	}
	if _, ok := h.LockReader(3); ok {
		t.Error("two readers have one slot")
	}
	release()
	if _, ok := h.LockReader(3); !ok {
		t.Error("the slot is not free again")
	}
	h.dir = filepath.Join(h.dir, "gone")
	if _, ok := h.LockReader(1); ok {
		t.Error("a reader has a slot of a tracker that is gone")
	}
}
