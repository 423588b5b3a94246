package conversation

import (
	"testing"

	"ctop/tracker/flow"
)

// The first flow that packets pass by stands for all, and the first of all if none does.
func TestFront(t *testing.T) {
	flows := make([]flow.Flow, 3)
	var c Conversation
	for i := range flows {
		flows[i].ID = flow.ID(i + 1)
		c.Sightings = append(c.Sightings, Sighting{Flow: &flows[i]})
	}
	for _, want := range []flow.ID{1, 2, 3, 1} {
		if got := c.Front().ID; got != want {
			t.Errorf("%d stands for all, want %d", got, want)
		}
		for i := range flows { // one after another is the partner's
			if !flows[i].Holding.Inherited {
				flows[i].Holding.Inherited = true
				break
			}
		}
	}
}
