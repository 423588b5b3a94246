package flows

import (
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// After a pause it is said what came, went, and has another state. Packets alone are no
// change: most flows have some.
func TestSummary(t *testing.T) {
	before, after := fake.Flows(5), fake.Flows(6)[1:]
	after[0].Origin.Packets += 9
	after[1].State = flow.StateTimeWait
	got := summary(fake.Snapshot(fake.Start, before), fake.Snapshot(fake.Start.Add(1), after))
	if want := "1 flow came, 1 went, 1 changed state"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
