package trace

import (
	"slices"
	"testing"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// TestRecent has one rate for every second: that of the snapshot at its end.
func TestRecent(t *testing.T) {
	start := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	var all Traces
	for _, second := range []float64{0, 1.1, 2, 5} { // nothing was read at 3 and 4
		at := start.Add(time.Duration(second * float64(time.Second)))
		all.Note(&flow.Snapshot{Time: at}, []*flow.Flow{{ID: 1, Origin: flow.Half{BPS: 10 + second, PPS: 1}, Reply: flow.Half{BPS: 1, PPS: 2}}})
	}
	until := start.Add(5 * time.Second)
	if got := all.Recent(1, until, 8, format.Bits); !slices.Equal(got, []float64{0, 0, 11, float64(float32(11.1) + 1), 13, 16, 16, 16}) {
		t.Errorf("%v", got)
	}
	if got := all.Recent(1, until.Add(2*time.Second), 3, format.Packets); !slices.Equal(got, []float64{3, 0, 0}) {
		t.Errorf("%v of what came after the last snapshot", got)
	}
	if got := all.Recent(2, until, 2, format.Bits); !slices.Equal(got, []float64{0, 0}) {
		t.Errorf("%v of a flow that was not seen", got)
	}
	var none *Traces
	if got := none.Recent(1, until, 2, format.Bits); got != nil {
		t.Errorf("%v without traces", got)
	}
}

func TestTraces(t *testing.T) {
	start := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	at := func(i int) *flow.Snapshot {
		return &flow.Snapshot{Time: start.Add(time.Duration(i) * time.Second)}
	}
	carrying := func(id, rate int) *flow.Flow {
		return &flow.Flow{ID: flow.ID(id), Origin: flow.Half{BPS: float64(rate)}, Reply: flow.Half{PPS: float64(2 * rate)}}
	}
	var all Traces
	for i := range 3 {
		all.Note(at(i), []*flow.Flow{carrying(1, i), carrying(2, 7)})
		all.Note(at(i), []*flow.Flow{carrying(1, 99), carrying(2, 7)}) // sorted again
	}
	one := all.Of(1)
	if got := one.Rates(0, format.Bits); !slices.Equal(got, []float64{0, 1, 2}) {
		t.Errorf("bits are %v", got)
	}
	if got := one.Rates(1, format.Packets); !slices.Equal(got, []float64{0, 2, 4}) {
		t.Errorf("packets are %v", got)
	}
	for newest, want := range map[int]time.Duration{0: 0, 1: 0, 2: time.Second, 3: 2 * time.Second, 10: 2 * time.Second} {
		if got := one.Covered(newest); got != want {
			t.Errorf("the newest %d cover %s, want %s", newest, got, want)
		}
	}
	// A copy is independent.
	_ = one.Add(at(3), carrying(1, 50))
	all.Note(at(3), []*flow.Flow{carrying(1, 3)})
	if got := all.Of(1).Rates(0, format.Bits); !slices.Equal(got, []float64{0, 1, 2, 3}) {
		t.Errorf("bits are %v", got)
	}
	if got := all.Of(2); len(got) != 0 {
		t.Errorf("what left the screen is remembered: %v", got)
	}
	for i := range 1000 {
		all.Note(at(4+i), []*flow.Flow{carrying(1, i)})
	}
	if got := all.Of(1).Rates(0, format.Bits); len(got) != remembered || got[len(got)-1] != 999 {
		t.Errorf("%d points up to %v", len(got), got[len(got)-1])
	}
}
