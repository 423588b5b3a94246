package page

import (
	"testing"

	"ctop/tracker/flow"
)

// A mark in place of another one gives back the room of that, which all consoles share.
func TestMarkReleasesTheOneBefore(t *testing.T) {
	var f Frame
	released := 0
	for _, want := range []int{0, 1, 2} {
		if !f.markAt(&flow.Snapshot{Flows: make([]flow.Flow, 7)}, false) || released != want {
			t.Fatalf("%d marks were released, not %d", released, want)
		}
		release := f.mark.release
		f.mark.release = func() { released++; release() }
	}
}
