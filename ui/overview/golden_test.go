package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// TestScreens compares the whole page about a link with every kind of trouble, and
// with a minute of history.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f, p := newPage(fake.Flows(1)...)
			for i := range 60 {
				s := fake.Snapshot(f.Now.Add(time.Second), fake.Flows(20+2*i))
				f.Now = s.Time
				s.PPS, s.BPS, s.MaxFlows = float64(100*(i%7)), float64(i%11)*8e3, 140
				s.Uptime, s.Took, s.Checksums = time.Duration(i)*time.Minute, 12*time.Millisecond, true
				s.Counters = flow.Counters{
					Packets: uint64(i * 11), Established: uint64(i * 7), New: uint64(i), Related: 3, Invalid: uint64(i), Untracked: 5,
					Dropped: 2, BadChecksums: 4, FlowsCreated: uint64(i * i), FlowsDestroyed: uint64(i), Events: uint64(2 * i),
					EventsLost: 12, TableFull: 3, TableBusy: 2,
				}
				s.Counters.Destroyed[flow.ReasonExpired], s.Counters.Destroyed[flow.ReasonRST] = uint64(i/2), uint64(i/3)
				s.Counters.InvalidBy[1], s.Counters.DroppedBy[flow.DropTooLong], s.Counters.DroppedBy[flow.DropOutput] = uint64(i), 1, 1
				for j := range s.Flows {
					if j%2 == 0 {
						one := &s.Flows[j]
						one.Tuple.Proto, one.State, one.Reply, one.OneSided = flow.ProtocolTCP, flow.StateSynSent, flow.Half{}, true
					}
					s.Flows[j].OwnTimeout = j%5 == 0
				}
				s.Interfaces[1].Up = false
				f.Latest, f.Shown = s, s
				f.Send(page.SnapshotTaken{})
			}
			for i := range 120 {
				f.Events = append(f.Events, flow.Event{Type: flow.EventNew, ID: flow.ID(i + 1), Tuple: fake.Flow(i % 3).Tuple})
			}
			f.Missed = 9
			f.Send(page.EventsTaken{})
			f.Send(page.ShownChanged{})
			f.Now = f.Now.Add(6 * time.Second)
			p.SetSize(size[0], size[1])
			golden.RequireEqual(t, []byte(strings.Join(p.Lines(), "\n")))
		})
	}
}

// The shares from which on the shape of the flows is worth a word.
func TestShape(t *testing.T) {
	for _, test := range []struct {
		tcp, half, flows, one int
		want                  string
	}{
		{100, 30, 100, 0, "30 % of the TCP flows are half open"},
		{100, 29, 100, 0, ""},
		{99, 99, 99, 0, ""},
		{0, 0, 100, 50, "50 % of the flows are seen one way only"},
		{0, 0, 100, 49, ""},
		{0, 0, 99, 99, ""},
	} {
		_, p := newPage()
		p.count.TCP, p.count.HalfOpen, p.count.Flows, p.count.OneSided = test.tcp, test.half, test.flows, test.one
		got := ""
		for _, t := range p.shape() {
			got += t.what
		}
		if got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// An old snapshot is a trouble from five seconds on.
func TestOldSnapshot(t *testing.T) {
	f, p := newPage(fake.Flows(1)...)
	f.Now = f.Now.Add(5 * time.Second)
	if got := p.wrong(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	f.Now = f.Now.Add(1)
	if got := p.wrong(); len(got) != 1 || got[0].what != "scan 5s old" {
		t.Errorf("%+v", got)
	}
}

// Without counters of before, or with some that started again, there is no rate of new
// flows; a replay has its average.
func TestNewFlows(t *testing.T) {
	add := func(h *History, second int, created uint64) float64 {
		s := &flow.Snapshot{Time: fake.Start.Add(time.Duration(second) * time.Second)}
		s.Counters.FlowsCreated = created
		h.Add(s)
		return h.now().newRate
	}
	var h History
	for _, step := range []struct {
		second  int
		created uint64
		rate    float64
	}{{0, 10, 0}, {1, 30, 20}, {3, 30, 0}, {4, 5, 0}, {4, 50, 0}, {6, 60, 5}} {
		if got := add(&h, step.second, step.created); got != step.rate {
			t.Errorf("at %d s: %v new flows a second, not %v", step.second, got, step.rate)
		}
	}
}
