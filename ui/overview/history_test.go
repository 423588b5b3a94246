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

// The rate of new flows is that of the last ten seconds, without the first sample,
// which has none.
func TestOpenedRecently(t *testing.T) {
	var h History
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	var created uint64
	add := func(more uint64) {
		created += more
		h.Add(&flow.Snapshot{Time: at, Counters: flow.Counters{FlowsCreated: created}})
		at = at.Add(time.Second)
	}
	is := func(want float64) {
		t.Helper()
		if got := h.opened(); got != want {
			t.Errorf("%d samples: %v new flows a second, not %v", len(h.samples), got, want)
		}
	}
	is(0)
	add(1000)
	is(0)
	add(4)
	is(4)
	add(8)
	is(6)
	for range 8 {
		add(6)
	}
	is(6)
	add(16) // 4 leaves: it is ten seconds old
	is(7.2)
	add(6) // and 8
	is(7)
}

// Growth is that of the last minute, or of what there is of it.
func TestGrowthOfAMinute(t *testing.T) {
	var h History
	start := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	add := func(second, flows int) {
		h.Add(&flow.Snapshot{Time: start.Add(time.Duration(second) * time.Second), Flows: make([]flow.Flow, flows)})
	}
	is := func(want float64) {
		t.Helper()
		if got := h.growth(); got != want {
			t.Errorf("grows by %v a second, not %v", got, want)
		}
	}
	is(0)
	add(0, 100)
	is(0)
	add(0, 200) // at the same moment
	is(0)
	add(10, 210)
	is(11)
	add(60, 400)
	is(5) // all of a minute
	add(61, 400)
	is(190.0 / 51) // from the tenth second on
	add(500, 0)    // longer than a minute: from the sample before
	is(-400.0 / 439)
}

// A counter that went back, as of a new tracker, and snapshots of the same moment give
// no rate. A replay has one, an average over a second at least.
func TestNewRateOfASample(t *testing.T) {
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	snapshot := func(after time.Duration, created uint64) *flow.Snapshot {
		return &flow.Snapshot{Time: at.Add(after), Counters: flow.Counters{FlowsCreated: created}}
	}
	for name, c := range map[string]struct {
		second *flow.Snapshot
		want   float64
	}{
		"went back": {snapshot(time.Second, 9), 0}, "stood still": {snapshot(time.Second, 10), 0},
		"one more": {snapshot(2*time.Second, 11), 0.5}, "at once": {snapshot(0, 11), 0}, "earlier": {snapshot(-1, 11), 0},
	} {
		var h History
		h.Add(snapshot(0, 10))
		if h.Add(c.second); h.now().newRate != c.want {
			t.Errorf("%s: %v a second, not %v", name, h.now().newRate, c.want)
		}
	}
	for uptime, want := range map[time.Duration]float64{0: 0, time.Millisecond: 50, time.Second: 50, 10 * time.Second: 5} {
		s := snapshot(0, 50)
		s.Uptime, s.Interfaces = uptime, []flow.Interface{{Mode: flow.ModeReplay}}
		var h History
		if h.Add(s); h.opened() != want {
			t.Errorf("a replay of %s: %v a second, not %v", uptime, h.opened(), want)
		}
		s.Interfaces[0].Mode = flow.ModeTC
		var live History
		if live.Add(s); live.opened() != 0 {
			t.Errorf("live for %s: %v a second", uptime, live.opened())
		}
	}
}

// A column stands for one, two, four ... samples, and all columns for five minutes at
// most.
func TestSamplesOfAColumn(t *testing.T) {
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	for _, c := range []struct{ samples, width, each, columns, covered int }{
		{0, 10, 1, 0, 0},
		{1, 10, 1, 1, 0},
		{10, 10, 1, 10, 9},
		{11, 10, 2, 6, 10},
		{21, 10, 4, 6, 20},
		{600, 100, 3, 100, 299},
		{600, 300, 1, 300, 299},
		{600, 299, 2, 299, 597},
		{600, 400, 1, 400, 399},
		{600, 1, 300, 1, 299},
		{5, 0, 0, 0, 0},
		{5, -1, 0, 0, 0},
	} {
		var h History
		for i := range c.samples {
			h.Add(&flow.Snapshot{Time: at.Add(time.Duration(i) * time.Second)})
		}
		if c.width > 0 {
			if got := h.each(c.width); got != c.each {
				t.Errorf("%d samples, %d wide: %d each, not %d", c.samples, c.width, got, c.each)
			}
		}
		if got := len(h.columns(c.width, func(sample) float64 { return 1 })); got != c.columns {
			t.Errorf("%d samples, %d wide: %d columns, not %d", c.samples, c.width, got, c.columns)
		}
		if got := h.covered(c.width); got != time.Duration(c.covered)*time.Second {
			t.Errorf("%d samples, %d wide: covers %s, not %ds", c.samples, c.width, got, c.covered)
		}
	}
}
