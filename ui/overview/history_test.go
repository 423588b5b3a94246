package overview

import (
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestHistory(t *testing.T) {
	var h History
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	for i := range 2000 {
		s := &flow.Snapshot{Time: at.Add(time.Duration(i) * time.Second), PPS: float64(i), Flows: make([]flow.Flow, i/2)}
		s.Counters.FlowsCreated = uint64(3 * i)
		h.Add(s)
	}
	if n := len(h.samples); n < Remembered || n > Remembered+Remembered/4 {
		t.Fatalf("remembers %d samples", n)
	}
	if got := h.now().newRate; got != 3 {
		t.Errorf("%v new flows a second", got)
	}
	if got := h.growth(); got < 0.49 || got > 0.51 {
		t.Errorf("grows by %v a second", got)
	}
	pps := func(s sample) float64 { return s.pps }
	columns := h.columns(100, pps)
	if len(columns) != 100 || columns[99] != 1999 || !slices.IsSorted(columns) {
		t.Errorf("columns are %v", columns)
	}
	if got := h.covered(100); got != 299*time.Second {
		t.Errorf("they cover %s", got)
	}
	h.freeze(true)
	h.Add(&flow.Snapshot{Time: at.Add(time.Hour), PPS: 1e6})
	if got := h.columns(100, pps); !slices.Equal(got, columns) {
		t.Errorf("frozen columns are %v", got)
	}
	h.freeze(false)
	if got := h.now().pps; got != 1e6 {
		t.Errorf("thawed, the last is %v", got)
	}
}

// TestColumnsStandStill holds that a column which stands for several samples
// keeps them: a chart must not flicker as time goes by.
func TestColumnsStandStill(t *testing.T) {
	var h History
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	add := func(i int) {
		h.Add(&flow.Snapshot{Time: at.Add(time.Duration(i) * time.Second), PPS: float64(i * 7919 % 101)})
	}
	for i := range 900 {
		add(i)
	}
	pps := func(s sample) float64 { return s.pps }
	before := h.columns(50, pps) // six samples each
	for i := range 6 {
		add(900 + i)
	}
	if after := h.columns(50, pps); !slices.Equal(before[1:], after[:49]) {
		t.Errorf("columns changed:\n%v\n%v", before[1:], after[:49])
	}
}

func TestChartShowsTheSmallest(t *testing.T) {
	lines := chart([]float64{0, 0.001, 5, 10}, 6, 2)
	if want := []string{"     █", "   ▁██"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}
