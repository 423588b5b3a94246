package trace

import (
	"slices"
	"testing"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

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
	if got := one.Covered(10); got != 2*time.Second {
		t.Errorf("they cover %s", got)
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
