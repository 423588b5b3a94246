package kernel_test

import (
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// A point's interface is where packets of its senders leave, until it is gone.
func TestSetInterface(t *testing.T) {
	lab.Require(t)
	objects, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	table, err := kernel.NewTable(objects)
	if err != nil {
		t.Fatal(err)
	}
	const lo = 1
	expect := func(what string, point int, want bool, sender int) {
		t.Helper()
		if got := table.HasInterface(point, lo, sender); got != want {
			t.Errorf("%s: packets from %d leave by point %d: %t", what, sender, point, got)
		}
	}
	expect("at first", 0, false, 1)
	for point := range 2 {
		if err := table.SetInterface(point, lo, 1-point); err != nil {
			t.Fatal(err)
		}
		expect("set", point, true, 1-point)
	}
	if err := table.SetInterface(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	expect("gone", 0, false, 1)
	expect("the other one", 1, true, 0)
	if to := kernel.PointTo(table); to != [2]uint32{lo, 0} {
		t.Errorf("packets go to %v", to)
	}
}
