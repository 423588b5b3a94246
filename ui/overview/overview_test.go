package overview

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

func newPage(flows ...flow.Flow) (*fake.Frame, *Page) {
	f := fake.NewFrame(flows...)
	p := New(f.Frame)
	f.With(p)
	if flows != nil {
		f.Send(page.SnapshotTaken{})
		f.Send(page.ShownChanged{})
	}
	p.SetSize(120, 50)
	return f, p
}

// shows fails if the page does not show the texts, spaces put together.
func (p *Page) shows(t *testing.T, texts ...string) {
	t.Helper()
	all := strings.Join(strings.Fields(strings.Join(p.Lines(), " ")), " ")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("no %q in\n%s", text, strings.Join(p.Lines(), "\n"))
		}
	}
}

func TestEmptiness(t *testing.T) {
	f, p := newPage()
	p.shows(t, "waiting for the first snapshot")
	f.Shown = fake.Snapshot(fake.Start, nil)
	p.shows(t, "counting")
	if f.Press("esc"); f.Open() != 0 {
		t.Error("Esc leads nowhere")
	}
	if f.Press("x") {
		t.Error("x means something")
	}
}

func TestBlocks(t *testing.T) {
	f, p := newPage(fake.Flows(100)...)
	s := fake.Snapshot(fake.Start, f.Shown.Flows)
	s.MaxFlows, s.Checksums, s.Uptime, s.Took = 400, true, 90*time.Second, 12*time.Millisecond
	s.Counters.Packets, s.Counters.Established, s.Counters.Invalid = 200, 150, 50
	s.Counters.FlowsCreated, s.Counters.Events, s.Counters.FlowsDestroyed = 110, 220, 10
	s.Counters.Destroyed[flow.ReasonRST], s.Counters.TableBusy = 10, 3
	f.Shown = s
	f.Send(page.ShownChanged{})
	p.SetSize(120, 60)
	p.shows(t, "filled 25 % of 400", "full in not growing", "half open 33 % of 60 TCP", "seen one way 40 %, 40",
		"own timeout 0", "no room for 0", "place in use 3", "established 150 75 %", "invalid 50 25 %", "bad checksums 0 0 %", "rst 10",
		"running for 1 minute 30 seconds", "took 12.0 ms", "flows opened 110", "events 220", "events lost 0", "ESTABLISHED 40")
	if strings.Contains(f.Screen(), "not shown here") {
		t.Error("events are missing")
	}
}

func TestGrowth(t *testing.T) {
	f, p := newPage(fake.Flows(10)...)
	next := func(n int, d time.Duration) {
		f.Now = f.Now.Add(d)
		f.Latest = fake.Snapshot(f.Now, fake.Flows(n))
		f.Latest.MaxFlows, f.Latest.Counters.FlowsCreated = 100, uint64(n)
		f.Shown = f.Latest
		f.Send(page.SnapshotTaken{})
		f.Send(page.ShownChanged{})
		p.SetSize(120, 60)
	}
	next(20, 10*time.Second)
	p.shows(t, "full in 1m20s at +1 flows/s", "the last 10 seconds", "flows 20 ", "new flows 2 /s")
	next(100, time.Second)
	p.shows(t, "full in it is full", "table 100 % full")
	next(50, time.Second)
	p.shows(t, "at +3.3 flows/s")
	// A repeated snapshot counts once.
	before := p.history.total
	f.Send(page.SnapshotTaken{Again: true})
	if p.history.total != before {
		t.Error("a repeated snapshot counts")
	}
}

func TestMissedEvents(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	f.Missed = 7
	f.Send(page.EventsTaken{})
	p.SetSize(120, 60)
	p.shows(t, "not shown here 7")
	f.Run(f.TogglePause())
	f.Missed = 9
	f.Send(page.EventsTaken{})
	p.SetSize(120, 60)
	p.shows(t, "not shown here 7")
	f.Run(f.TogglePause())
	p.SetSize(120, 60)
	p.shows(t, "not shown here 9")
}

func TestScrolling(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	p.SetSize(120, 10)
	all := len(p.Lines())
	if got := p.Facts(); len(got) != 1 || got[0] != fmt.Sprintf("↓ %d more lines", all-10) {
		t.Errorf("facts are %q", got)
	}
	f.Press("down")
	if got := len(p.Lines()); got != all-1 {
		t.Errorf("%d lines", got)
	}
	f.Press("pgdown", "up", "pgup")
	if got := len(p.Lines()); got != all {
		t.Errorf("%d lines", got)
	}
	f.Press("G")
	if got := len(p.Lines()); got != 10 || p.Facts() != nil {
		t.Errorf("%d lines, facts %q", got, p.Facts())
	}
	f.Press("up")
	if got := p.Facts(); len(got) != 1 || got[0] != "↓ 1 more line" {
		t.Errorf("facts are %q", got)
	}
	f.Press("g")
	if got := len(p.Lines()); got != all {
		t.Errorf("%d lines", got)
	}
}

func TestCharts(t *testing.T) {
	_, p := newPage(fake.Flows(3)...)
	for height, want := range map[int]int{19: 1, 20: 2, 29: 2, 30: 3} {
		p.SetSize(120, height)
		lines := p.charts()
		rows := 0
		for _, line := range lines[1:] {
			if strings.HasPrefix(line, " bits ") {
				rows = 1
				continue
			}
			if strings.HasPrefix(line, " packets ") {
				break
			}
			if rows > 0 && strings.TrimSpace(line) != "" || strings.HasSuffix(line, "█") {
				rows++
			}
		}
		if rows != want {
			t.Errorf("at a height of %d: %d rows of\n%s", height, rows, strings.Join(lines, "\n"))
		}
	}
	p.SetSize(wordsWidth+11, 30)
	if strings.Contains(strings.Join(p.charts(), ""), "█") {
		t.Error("there is no room for a chart")
	}
	p.SetSize(wordsWidth+12, 30)
	if !strings.Contains(strings.Join(p.charts(), ""), "█") {
		t.Error("there is room for a chart")
	}
}

func TestColumnsOfBlocks(t *testing.T) {
	_, p := newPage(fake.Flows(3)...)
	for width, want := range map[int]int{79: 1, 80: 2, 119: 2, 120: 3, 400: 3} {
		p.SetSize(width, 50)
		for _, line := range p.Lines() {
			if strings.Contains(line, "FLOWS BY STATE") {
				got := 1
				for _, title := range []string{"THE TABLE", "PACKETS"} {
					if strings.Contains(line, title) {
						got++
					}
				}
				if got != want {
					t.Errorf("at %d: %q", width, line)
				}
			}
		}
	}
}

func TestOpenedBy(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	for i := range 200 {
		e := flow.Event{Type: flow.EventNew, ID: flow.ID(i + 1), Tuple: fake.Flow(1).Tuple}
		if i%4 == 0 {
			e.Tuple.Src = flow.EndFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 1}), 1)
		}
		f.Events = append(f.Events, e)
	}
	f.Now = f.Now.Add(time.Second)
	f.Latest = fake.Snapshot(f.Now, fake.Flows(3))
	f.Latest.Counters.FlowsCreated = 200
	f.Shown = f.Latest
	f.Send(page.SnapshotTaken{})
	f.Send(page.ShownChanged{})
	p.SetSize(120, 50)
	p.shows(t, "by 10.0.0.1 150/s others 50/s")
	if got := p.openers(); got != " 10.0.0.1 opens 75 % of the new flows." {
		t.Errorf("%q", got)
	}
	p.opening.Flows = enough - 1
	if got := p.openers(); got != "" {
		t.Errorf("%q", got)
	}
	p.opening.Flows = 0
	if got := p.openedBy(80); got != "not known: no events" {
		t.Errorf("%q", got)
	}
}

func TestNothingIsCountedUnseen(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	f.SetTabs(page.Tab{Title: "Other", Page: page.Base{}}, page.Tab{Title: "Overview", Page: p})
	f.Shown = fake.Snapshot(fake.Start, fake.Flows(9))
	f.Send(page.ShownChanged{})
	if p.count.Flows != 3 {
		t.Errorf("%d flows", p.count.Flows)
	}
	f.Run(f.OpenTab(1))
	if p.count.Flows != 9 {
		t.Errorf("%d flows", p.count.Flows)
	}
}

// A page that is not open keeps no old snapshot in memory.
func TestKeepsNoSnapshot(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	if f.Kept() {
		t.Error("the flows are still in use")
	}
	runtime.KeepAlive(p)
}
