package kernel_test

import (
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/kernel/kerneltest"
)

// A sweep goes over the whole table, of which the programs take a part at a time.
func TestSweepWhole(t *testing.T) {
	lab.Require(t)
	const flows = 10_000
	_, table := kerneltest.Filled(t, flows)
	if done, err := table.Sweep(0); err != nil || done.Visited != flows || done.Left != flows {
		t.Errorf("swept %+v, error %v", done, err)
	}
}
