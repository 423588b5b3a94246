package flow

import (
	"slices"
	"testing"
)

// Each state of a pair that is not well is a warning, and so is what it lacks.
func TestPairWarnings(t *testing.T) {
	for _, c := range []struct {
		p    Pair
		want []string
	}{
		{Pair{State: PairAlone}, []string{"the pair has no partner yet"}},
		{Pair{State: PairCatchingUp, Partner: "b"}, []string{"catching up with b"}},
		{Pair{State: PairTelling, Partner: "b"}, []string{"b is catching up"}},
		{Pair{State: PairAway, Partner: "b"}, []string{"b is silent"}},
		{Pair{State: PairStopped}, []string{"ctop serve has died: the pair stands still"}},
		{Pair{State: PairAway, Partner: "b", Unread: true, Full: true}, []string{
			"the partner runs a ctop that this one does not understand", "b is silent", "b has no room for all flows",
		}},
	} {
		var got []string
		for _, w := range c.p.Warnings() {
			if got = append(got, w.Detail); w.Kind != WarningPair {
				t.Errorf("%q is of kind %v", w.Detail, w.Kind)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.p, got, c.want)
		}
	}
}

// The flags lie above the state, and none is another.
func TestControlOfGlance(t *testing.T) {
	for control, want := range map[uint32][3]bool{
		0x3f: {}, 1 << 6: {true, false, false}, 3 << 29: {false, true, false}, 1 << 29: {}, 1 << 30: {}, 7 << 29: {false, true, false}, 1 << 31: {},
	} {
		g := Glance{Control: control}
		if got := [3]bool{g.Inherited(), g.EndMissed(), g.State() != State(control&0x3f)}; got != want {
			t.Errorf("%#x: %v, want %v", control, got, want)
		}
	}
}
