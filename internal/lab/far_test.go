package lab

import (
	"testing"
	"time"
)

// The way to the world takes eight milliseconds in each direction, and loses one frame in two
// thousand.
func TestFarAway(t *testing.T) {
	want := Impairment{Delay: 8 * time.Millisecond, Loss: 0.0005}
	if got := farAway(); got.Out != want || got.In != want {
		t.Errorf("%+v", got)
	}
}
