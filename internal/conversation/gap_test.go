package conversation

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		part, whole uint64
		want        string
	}{{1, 1000, "0.1 %"}, {1, 1001, "less than 0.1 %"}, {1, 2, "50.0 %"}, {0, 5, "less than 0.1 %"}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.part, c.whole, got, c.want)
		}
	}
}

// Hosts look at different times, and where a flow is busy or its beginning is not known,
// they may differ by what came in between.
func TestMargin(t *testing.T) {
	flowOf := func(idle time.Duration, begun bool) Sighting {
		return Sighting{Flow: &flow.Flow{
			Age: 100 * time.Second, Idle: idle, Origin: flow.Half{Packets: 100, PPS: 10, WindowKnown: begun},
		}}
	}
	for _, c := range []struct {
		idle  time.Duration
		begun bool
		want  float64
	}{{skew + 1, true, 0}, {skew, true, 30}, {skew + 1, false, 30}, {0, false, 60}} {
		all := Conversation{Sightings: []Sighting{flowOf(skew+1, true), flowOf(c.idle, c.begun)}}
		if got := all.margin(flow.Origin); got != c.want {
			t.Errorf("silent for %s, begun %t: %v packets, want %v", c.idle, c.begun, got, c.want)
		}
	}
}

// What a partner only inherited does not count where two others saw the flow.
func TestComparable(t *testing.T) {
	aged := func(age time.Duration, inherited bool) Sighting {
		return Sighting{Flow: &flow.Flow{Age: age, Holding: flow.Holding{Inherited: inherited}}}
	}
	for _, c := range []struct {
		seen []Sighting
		want bool
	}{
		{[]Sighting{aged(10*time.Second, false), aged(10*time.Second+skew, false)}, true},
		{[]Sighting{aged(10*time.Second, false), aged(10*time.Second+skew+1, false)}, false},
		{[]Sighting{aged(10*time.Second, false), aged(11*time.Second, false), aged(time.Hour, true)}, true},
		{[]Sighting{aged(10*time.Second, false), aged(time.Hour, true)}, false},
	} {
		if _, _, ok := (&Conversation{Sightings: c.seen}).Comparable(); ok != c.want {
			t.Errorf("%d sightings are comparable: %t", len(c.seen), ok)
		}
	}
}
