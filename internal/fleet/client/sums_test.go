package client

import (
	"testing"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// What several hosts did is counted together, each kind for itself.
func TestSumOfOutcomes(t *testing.T) {
	one := fleet.Outcome{Done: 1, Gone: 2, NotTCP: 3, Unsent: 4, Alive: 5, NoDestroy: true}
	two := fleet.Outcome{Done: 10, Gone: 20, NotTCP: 30, Unsent: 40, Alive: 50}
	want := flow.Outcome{Done: 11, Gone: 22, NotTCP: 33, Unsent: 44, Alive: 55, NoDestroy: true}
	for _, both := range [][2]fleet.Outcome{{one, two}, {two, one}} {
		if got := sum(sum(flow.Outcome{}, &both[0]), &both[1]); got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	if got := sum(sum(flow.Outcome{}, &two), &two); got.NoDestroy {
		t.Errorf("%+v", got)
	}
}
