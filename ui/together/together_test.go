package together

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// fleet are the hosts of a test, and what they answer.
type fleet struct {
	*fake.Frame
	list      []Summary
	unsettled bool
	asked     int
	known     []page.Host
}

func (f *fleet) ask() ([]Summary, bool) {
	f.asked++
	return f.list, !f.unsettled
}

func (f *fleet) hosts() []page.Host { return f.known }

// Act notes an act.
func (f *fleet) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	f.Acts = append(f.Acts, act)
	return flow.Outcome{Done: len(act.Hosts)}, nil
}

// newFleet returns a fleet of hosts a, b, c and so on, all of which have the standard timeouts.
func newFleet(n int) *fleet {
	f := &fleet{Frame: fake.NewFrame(fake.Flows(3)...)}
	for i := range n {
		name := string(rune('a' + i))
		f.list = append(f.list, Summary{name, order.Summary{Flows: 10 * (i + 1), MaxFlows: 100, Timeouts: flow.DefaultTimeouts()}})
		f.known = append(f.known, page.Host{Name: name, State: "here"})
	}
	f.HostsHere = n
	return f
}

// open puts a page on the second tab.
func (f *fleet) open(p page.Page) {
	f.InSecondTab("Together", p)
	p.SetSize(100, 12)
}

func (f *fleet) overview() *Overview {
	p := NewOverview(f.Frame.Frame, f.ask, f.hosts)
	f.open(p)
	return p
}

func (f *fleet) timeouts() *Timeouts {
	p := NewTimeouts(f.Frame.Frame, acting.New(f.Frame.Frame, acting.Options{Actor: f}), f.ask, f.hosts)
	f.open(p)
	return p
}

// Hosts are asked when the page opens and with every look, but not while it is paused or
// another page is open. What came before all had time to answer is shown until there is more.
func TestAsking(t *testing.T) {
	f := newFleet(2)
	p := f.overview()
	now := fake.Start
	f.Clock = func() time.Time { return now }
	if f.asked != 1 || !slices.Equal(p.Facts(), []string{"2 hosts", "↓ 12 more lines"}) {
		t.Errorf("it asked %d times: %q", f.asked, p.Facts())
	}
	look := func() {
		now = now.Add(time.Minute)
		f.Send(page.Polled{})
	}
	if look(); f.asked != 2 {
		t.Errorf("with a look it asked %d times", f.asked)
	}
	f.Paused = true
	if look(); f.asked != 2 {
		t.Error("it asks while it is paused")
	}
	f.Paused, f.unsettled = false, true
	f.list = f.list[:1]
	if look(); f.asked != 3 || p.Facts()[0] != "2 hosts" {
		t.Errorf("it asked %d times, and takes part of an answer: %q", f.asked, p.Facts())
	}
	f.unsettled = false
	if look(); p.Facts()[0] != "1 of 2 hosts" {
		t.Errorf("it says %q", p.Facts())
	}
	if !f.Press("esc") || f.Open() != 0 {
		t.Errorf("Esc goes to tab %d", f.Open())
	}
	if look(); f.asked != 4 {
		t.Error("it asks while another page is open")
	}
	if f.Press("x") {
		t.Error("it takes a key that is none of its own")
	}
}

// The first answer is shown although hosts have had no time yet. Before, it says whom it asks.
func TestFirstAnswer(t *testing.T) {
	f := newFleet(1)
	list := f.list
	f.list, f.unsettled = nil, true
	p := f.overview()
	if got := strings.Join(p.Lines(), ""); !strings.Contains(got, "asking 1 host") {
		t.Errorf("it says %q", got)
	}
	f.list = list
	f.Send(page.Polled{})
	if p.SetSize(100, 12); p.Facts()[0] != "1 host" || strings.Contains(strings.Join(p.Lines(), ""), "asking") {
		t.Errorf("it says %q", p.Lines())
	}
}

// The overview names eight troubles, hosts that are not here first, and the worst flow.
func TestTroubles(t *testing.T) {
	f := newFleet(3)
	f.Theme.Alert = theme.New(termenv.ANSI, true, false).Alert
	p := f.overview()
	said := func() (list []string) {
		p.SetSize(100, 40)
		for _, line := range p.Lines() {
			if strings.Contains(line, "ALL HOSTS") {
				return list
			}
			list = append(list, fake.Words(line))
		}
		return list
	}
	if got := said(); len(got) != 0 {
		t.Errorf("without troubles it says %q", got)
	}
	f.known[2].State, f.known[2].Age = "gone", time.Minute
	f.list[0].Warnings, f.list[1].Alerts = []string{"full"}, []string{"storm"}
	f.list[0].Sick[1], f.list[1].Sick[1], f.list[1].Worst, f.list[0].Worst = 1, 2, "y", "x"
	f.Send(page.Polled{})
	want := []string{"* c is gone, heard of 1 minute ago", "* a: full", "* b: alert storm", "worst of b y", ""}
	if got := said(); !slices.Equal(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	for i := range 6 {
		f.list[0].Warnings = append(f.list[0].Warnings, fmt.Sprint(i))
		got := said()
		if more := slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "and ") }); len(got) != min(5+i+1, 10+1) || more != (i == 5) {
			t.Errorf("of %d troubles it says %q", 4+i, got)
		}
	}
	if got := said(); got[8] != "and 1 more: the hosts' own consoles have them" {
		t.Errorf("it says %q", got)
	}
}

// Hosts are ranked by what they have most of: eight of them, and none that has nothing.
func TestRanked(t *testing.T) {
	f := newFleet(10)
	f.list[9].Flows, f.list[4].MaxFlows = 0, 10
	list := ranked(f.list, fill, func(s *Summary) string { return fmt.Sprint(s.Flows) })
	var got []string
	for _, line := range list {
		got = append(got, fake.Words(line))
	}
	want := []string{"e 50", "i 90", "h 80", "g 70", "f 60", "d 40", "c 30", "b 20"}
	if !slices.Equal(got, want) {
		t.Errorf("the hosts are %q, want %q", got, want)
	}
	if got := ranked(f.list, lost, nil); !slices.Equal(got, []string{"none"}) {
		t.Errorf("of nothing there is %q", got)
	}
	if empty := (Summary{}); fill(&empty) != 0 {
		t.Errorf("a host without a table is filled to %v", fill(&empty))
	}
}

// Kinds of sickness are listed from the worst one on, with their sum.
func TestSickLines(t *testing.T) {
	var s order.Summary
	if got := sickLines(&s); !slices.Equal(got, []string{"none"}) {
		t.Errorf("it says %q", got)
	}
	s.Sick[1], s.Sick[3] = 5, 7
	got := sickLines(&s)
	if len(got) != 3 || !strings.HasSuffix(got[0], " 7") || !strings.HasSuffix(got[1], " 5") || fake.Words(got[2]) != "all 12" {
		t.Errorf("it says %q", got)
	}
}
