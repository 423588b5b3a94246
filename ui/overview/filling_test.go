package overview

import (
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// TestPeak says what capacity the most flows of the history need.
func TestPeak(t *testing.T) {
	for _, c := range []struct {
		flows, after, room int
		refused            uint64
		want               string
	}{
		{30, 10, 100, 0, "30, they fit"},
		{74, 10, 100, 0, "74, they fit"},
		{75, 10, 101, 0, "75, they fit"},
		{75, 10, 100, 0, "75, --max-flows 101"},
		{81, 10, 100, 0, "81, --max-flows 109"},
		{100, 10, 100, 0, "100, --max-flows 200"},
		{60, 10, 100, 3, "60, --max-flows 200"},
	} {
		f, p := newPage()
		for i, n := range []int{c.flows, c.after} {
			s := fake.Snapshot(fake.Start.Add(time.Duration(i)*time.Second), fake.Flows(n))
			s.MaxFlows, s.Counters.TableFull = c.room, c.refused
			f.Now, f.Latest, f.Shown = s.Time, s, s
			f.Send(page.SnapshotTaken{})
		}
		f.Send(page.ShownChanged{})
		if got := p.peak(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestWhy names what would go if a timeout were halved.
func TestWhy(t *testing.T) {
	f, p := newPage()
	flows := fake.Flows(40)
	for i := range flows {
		flows[i].Idle = flows[i].Timeout/2 + 1
	}
	s := fake.Snapshot(fake.Start, flows)
	f.Now, f.Latest, f.Shown = s.Time, s, s
	f.Send(page.SnapshotTaken{})
	f.Send(page.ShownChanged{})
	got := p.why()
	want := []string{
		"most flows from 10.0.0.0/24, 100 %", "most to port    443, 80 %",
		"under 1m old    23 %", "under 10m old   100 %", "under 1h old    100 %", "under 1d old    100 %", "most at a time  40, they fit",
		"if " + flow.TCPSynSent.String() + " were half:", "  8 end now, 0 in a minute",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("%q, not %q", got, want)
		}
	}
}
