package page_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// noting is a page that keeps the messages it gets.
type noting struct {
	page.Base
	got []string
	top int
}

func (n *noting) Update(msg tea.Msg) tea.Cmd {
	n.got = append(n.got, strings.TrimPrefix(fmt.Sprintf("%T", msg), "page."))
	return nil
}

func (n *noting) Top() { n.top++ }

func (n *noting) Addresses() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.1")} }

// is compares the messages since the last time.
func (n *noting) is(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(n.got, want) {
		t.Errorf("the page got %q, not %q", n.got, want)
	}
	n.got = nil
}

// dialog is one without anything.
type dialog struct {
	page.Plain
	number int
}

func (*dialog) HandleKey(tea.KeyMsg) tea.Cmd { return nil }
func (*dialog) Footer(int, int) []string     { return nil }

// watching is a page about a flow.
type watching struct{ page.Base }

func (watching) Watched() flow.ID { return 7 }

func newFrame(flows ...flow.Flow) (f *fake.Frame, one, two *noting) {
	f = fake.NewFrame(flows...)
	one, two = &noting{}, &noting{}
	f.SetTabs(page.Tab{Title: "One", Page: one}, page.Tab{Title: "Two", Key: "t", Page: two}, page.Tab{Title: "Three", Page: &noting{}})
	return f, one, two
}

func TestTabs(t *testing.T) {
	f, one, two := newFrame()
	for _, step := range []struct {
		key  string
		open int
	}{{"2", 1}, {"tab", 2}, {"tab", 0}, {"t", 1}, {"1", 0}} {
		if cmd, ok := f.HandleTabKey(fake.Keys(step.key)[0]); !ok || f.Open() != step.open {
			t.Errorf("%s: %d is open", step.key, f.Open())
		} else {
			f.Run(cmd)
		}
	}
	if _, ok := f.HandleTabKey(tea.KeyMsg{Type: tea.KeyShiftTab}); !ok || f.Open() != 2 {
		t.Errorf("Shift-Tab: %d is open", f.Open())
	}
	if _, ok := f.HandleTabKey(fake.Keys("4")[0]); ok {
		t.Error("4 opens a tab")
	}
	one.is(t, "Opened", "Opened")
	two.is(t, "Opened", "Opened")
	if k := f.TabKey(1); k.Help() != (key.Help{Key: "2 t", Desc: "two"}) {
		t.Errorf("%+v", k.Help())
	}
	for title, want := range map[string]string{"One": "1 one", "Two": "t two", "Four": " "} {
		if h := f.TabHint(title); h.Key.Help().Key+" "+h.Does != want {
			t.Errorf("%s: %+v", title, h)
		}
	}
	// A tab that is opened has nothing over it.
	f.Push(page.Base{})
	f.Ask(&dialog{})
	f.OpenTab(1)
	if !f.Idle() || f.Front() != page.Page(two) {
		t.Error("something is over the tab")
	}
}

func TestPagesOverATab(t *testing.T) {
	f, one, _ := newFrame(fake.Flows(3)...)
	f.OpenFlow(nil)
	if f.Said() != "there is no flow here" || !f.Idle() {
		t.Errorf("said %q", f.Said())
	}
	of := fake.Flow(1)
	f.OpenFlow(&of)
	one.is(t, "FlowOpened")
	if f.Idle() || f.Watched() != 0 || len(f.Over()) != 1 {
		t.Errorf("%d pages are over the tab", len(f.Over()))
	}
	f.Push(watching{})
	if f.Watched() != 7 || f.Front() != page.Page(watching{}) || f.Tab() != page.Page(one) {
		t.Errorf("watches %d", f.Watched())
	}
	f.Pop()
	f.Pop()
	f.Pop()
	if !f.Idle() {
		t.Error("something is over the tab")
	}
}

func TestNarrowAndRetrace(t *testing.T) {
	f, one, two := newFrame()
	f.Run(f.OpenTab(1))
	two.got = nil
	if f.Narrow("dport:x"); f.Said() == "" || f.CameFrom() != "" {
		t.Errorf("said %q", f.Said())
	}
	f.Push(page.Base{})
	f.Narrow("tcp")
	one.is(t, "FilterChanged")
	if f.Open() != 0 || !f.Idle() || f.CameFrom() != "two" || one.top != 1 || f.FilterText() != "tcp" {
		t.Errorf("%d is open, from %q, with %q", f.Open(), f.CameFrom(), f.FilterText())
	}
	f.Narrow("tcp dport:80")
	f.Retrace()
	if f.Open() != 0 || f.FilterText() != "tcp" || f.CameFrom() != "two" {
		t.Errorf("%d is open, from %q, with %q", f.Open(), f.CameFrom(), f.FilterText())
	}
	two.got = nil
	f.Retrace()
	two.is(t, "FilterChanged", "Opened")
	if f.Open() != 1 || f.FilterText() != "" || f.CameFrom() != "" {
		t.Errorf("%d is open, from %q, with %q", f.Open(), f.CameFrom(), f.FilterText())
	}
	f.Narrow("tcp")
	if f.OpenTab(2); f.CameFrom() != "" {
		t.Error("another tab leads back")
	}
}

func TestDialogs(t *testing.T) {
	f, _, _ := newFrame()
	if f.Dialog() != nil || len(f.Dialogs()) != 0 {
		t.Error("a dialog is open")
	}
	below, above := &dialog{number: 1}, &dialog{number: 2}
	f.AskAbove(above)
	f.Ask(below) // it is asked meanwhile, and stays below
	if f.Dialog() != page.Dialog(above) || !slices.Equal(f.Dialogs(), []page.Dialog{below, above}) || f.Idle() {
		t.Errorf("%+v", f.Dialogs())
	}
	f.Close(above)
	f.Close(above)
	if f.Dialog() != page.Dialog(below) {
		t.Errorf("%+v", f.Dialogs())
	}
	f.Close(&dialog{})
	f.Close(below)
	if f.Dialog() != nil {
		t.Errorf("%+v", f.Dialogs())
	}
}

func TestStatus(t *testing.T) {
	f, _, _ := newFrame()
	line := func() string {
		return strings.TrimRight(f.FooterLine([]page.Hint{{Key: f.Keys.Sort, Does: "sort"}, {Key: f.Keys.Mark, Does: "mark", Acts: true}}, nil), " ")
	}
	if line() != " s sort   Space mark" {
		t.Errorf("%q", line())
	}
	f.Tell("done \x1b[2J")
	if line() != " done ·[2J" {
		t.Errorf("%q", line())
	}
	// A look that took long does not count.
	f.Now = f.Now.Add(time.Minute)
	f.ExpireStatus()
	f.Now = f.Now.Add(6 * time.Second)
	if f.ExpireStatus(); f.Said() == "" {
		t.Error("the message is gone too soon")
	}
	f.Now = f.Now.Add(1)
	if f.ExpireStatus(); f.Said() != "" {
		t.Error("the message stays")
	}
	f.Refuse = func(page.Attempt) error { return nil }
	if line() != " s sort" {
		t.Errorf("%q", line())
	}
	f.Run(f.Report("fine", nil))
	f.Run(f.Report("fine", errors.New("not fine")))
	if f.Said() != "not fine" || f.Refreshed != 2 {
		t.Errorf("said %q, refreshed %d times", f.Said(), f.Refreshed)
	}
	f.Width = 10
	if f.Tell("a long message"); f.FooterLine(nil, nil) != " a long …" {
		t.Errorf("%q", f.FooterLine(nil, nil))
	}
}

func TestHintLine(t *testing.T) {
	f, _, _ := newFrame()
	k := f.Keys
	hints := []page.Hint{{Key: k.Sort, Does: "sort"}, {Key: k.Rates, Does: "rates"}}
	last := []page.Hint{{Key: k.Help, Does: "help"}, {Key: k.Quit, Does: "quit"}}
	for width, want := range map[int]string{
		36: " s sort   r rates   ? help   q quit",
		35: " s sort            ? help   q quit",
		26: " s sort   ? help   q quit",
		25: "         ? help   q quit",
		18: "    ? help   q quit",
		17: " s sort   ? help",
		16: "         ? help",
		8:  " s sort",
		7:  " ",
	} {
		if got := page.HintLine(f.Theme, width, hints, last); strings.TrimRight(got, " ") != strings.TrimRight(want, " ") {
			t.Errorf("at %d: %q", width, got)
		}
	}
}

func TestPauseAndTime(t *testing.T) {
	f, one, _ := newFrame(fake.Flows(3)...)
	f.Now = f.Now.Add(3 * time.Second)
	if f.Since() != 3*time.Second || f.SinceLatest() != 3*time.Second || f.PauseHint().Does != "pause" {
		t.Errorf("%s, %s", f.Since(), f.SinceLatest())
	}
	shown := f.Shown
	f.Run(f.TogglePause())
	one.is(t, "PauseChanged")
	f.Now = f.Now.Add(3 * time.Second)
	f.Latest = fake.Snapshot(f.Now, nil)
	if f.Since() != 3*time.Second || f.SinceLatest() != 0 || f.Target != shown || f.PauseHint().Does != "go on" {
		t.Errorf("paused: %s, %s", f.Since(), f.SinceLatest())
	}
	f.Run(f.TogglePause())
	if f.Target != f.Latest || f.AsOf() != f.Now {
		t.Error("it does not go on with the newest")
	}
	f.Now = f.Now.Add(-time.Hour)
	if f.Since() != 0 || f.SinceLatest() != 0 {
		t.Errorf("in the past: %s, %s", f.Since(), f.SinceLatest())
	}
	none, _, _ := newFrame()
	if none.Since() != 0 || none.SinceLatest() != 0 {
		t.Error("nothing is old")
	}
}

func TestEmptiness(t *testing.T) {
	f, _, _ := newFrame()
	is := func(want string) {
		t.Helper()
		if got := f.Emptiness(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	is("waiting for the first snapshot")
	f.Latest = fake.Snapshot(f.Now, fake.Flows(2))
	is("sorting 2 flows")
	f.Shown = f.Latest
	f.Narrow("udp")
	is("none of 2 flows passes the filter; Esc clears it")
	f.Shown = fake.Snapshot(f.Now, nil)
	is("no flows yet: they appear with the first packet between veth1 ⇄ veth2")
	f.Past = true
	is("there were no flows then")
	f.Past = false
	f.Shown.Interfaces = f.Shown.Interfaces[:1]
	f.Shown.Interfaces[0].Role = flow.RoleWatch
	is("no flows yet: they appear with the first packet at veth1")
}

func TestBroadcastReachesEveryPage(t *testing.T) {
	f, one, two := newFrame()
	over := &noting{}
	f.Push(over)
	f.Note("")
	f.Note("something")
	for _, p := range []*noting{one, two, over} {
		p.is(t, "NoticesTaken")
	}
	if f.Run(f.NextUnit()); f.Said() != "rates in bytes per second" {
		t.Errorf("said %q", f.Said())
	}
	over.is(t, "UnitChanged")
}

func TestAsideLines(t *testing.T) {
	for want, a := range map[int]page.Aside{0: {Widest: 90}, 1: {Narrow: true, Widest: 39}, 2: {Narrow: true, Widest: 40}} {
		if got := a.Lines(40); got != want {
			t.Errorf("%+v: %d lines", a, got)
		}
	}
}
