package events_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/events"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

func newLog(width int) (*fake.Frame, *events.Page) {
	f := fake.NewFrame(fake.Flows(10)...)
	f.Width = width
	p := events.New(f.Frame, acting.New(f.Frame, acting.Options{Copy: func(string) {}}), events.Options{})
	f.Log = p
	f.With(p)
	return f, p
}

func TestRows(t *testing.T) {
	f, p := newLog(130)
	lost := flow.Event{Time: fake.Start, Type: flow.EventLost, Lost: 7}
	told := ended(5, flow.ReasonNone)
	told.Recovered, told.From = true, flow.StateEstablished
	moved := flow.Event{
		Time: fake.Start, Type: flow.EventUpdate, ID: 1, Tuple: fake.Flow(0).Tuple,
		From: flow.StateSynSent, To: flow.StateSynRecv, Direction: flow.Reply,
	}
	f.Send(taken(begun(0), moved, ended(3, flow.ReasonRST), ended(8, flow.ReasonExpired), lost, told))
	f.Send(page.NoticesTaken{{Time: fake.Start, Text: "ann deleted \x1b[2J3 flows"}})
	const at = "  21:04:05.000  "
	for text, want := range map[string]string{
		"new":       at + "new                   ESTABLISHED  origin  tcp 10.0.0.0:40000 → 192.168.1.10:443",
		"update":    at + "update   SYN_SENT     SYN_RECV     reply   tcp 10.0.0.0:40000 → 192.168.1.10:443",
		"rst":       at + "destroy  FIN_WAIT_2   rst          origin  tcp 10.0.0.3:40003 → 192.168.1.10:443  after 1m30s, 5.9 kB",
		"expired":   at + "destroy  FIN_WAIT_2   expired              tcp 10.0.0.8:40008 → 192.168.1.10:443  after 1m30s, 13.3 kB",
		"lost":      at + "lost 7 events",
		"recovered": "  21:04:05.000~ destroy  ESTABLISHED  ended                tcp 10.0.0.5:40005 → 192.168.1.10:443  recovered",
	} {
		if got := row(t, p, text); got != want {
			t.Errorf("%q, not\n%q", got, want)
		}
	}
	if got := cursor(t, p); got != "▌"+at[1:]+"ann deleted ·[2J3 flows" {
		t.Errorf("%q", got)
	}
	if got := p.Lines()[0]; got != "  TIME          EVENT    FROM         TO           BY      FLOW" {
		t.Errorf("%q", got)
	}
}

func TestNarrowRows(t *testing.T) {
	f, p := newLog(60)
	f.Send(taken(begun(0), ended(3, flow.ReasonClosed)))
	if got := p.Lines()[0]; got != "  TIME      TO           FLOW" {
		t.Errorf("%q", got)
	}
	if got := row(t, p, "closed"); !strings.HasPrefix(got, "▌ 21:04:05  closed       ") || !strings.Contains(got, " → ") || strings.Contains(got, "tcp ") {
		t.Errorf("%q", got)
	}
	a := p.Aside()
	if !a.Narrow || a.Widest != len("tcp 10.0.0.0:40000 > 192.168.1.10:443") || !strings.HasPrefix(a.Tuple, "tcp 10.0.0.3:40003 ") {
		t.Errorf("%+v", a)
	}
	p.SetSize(100, 20)
	if p.Aside().Narrow {
		t.Error("there is room")
	}
	for _, width := range []int{71, 72, 99, 100, 119, 120} {
		p.SetSize(width, 20)
		head := p.Lines()[0]
		if strings.Contains(head, "EVENT") != (width >= 72) || strings.Contains(head, "FROM") != (width >= 120) {
			t.Errorf("at %d: %q", width, head)
		}
		if strings.Contains(row(t, p, "▌"), ".000") != (width >= 100) {
			t.Errorf("at %d: %q", width, row(t, p, "▌"))
		}
	}
	p.SetSize(100, 2)
	if lines := p.Lines(); len(lines) != 2 || strings.Contains(lines[0], "TIME") {
		t.Errorf("two lines are %q", lines)
	}
}

func TestFollowing(t *testing.T) {
	f, p := newLog(130)
	for i := range 30 {
		f.Send(taken(begun(i)))
	}
	at := func(want string) {
		t.Helper()
		if got := cursor(t, p); !strings.Contains(got, want) {
			t.Errorf("the cursor is on %q, not on %s", got, want)
		}
	}
	at("10.0.0.29")
	f.Press("up")
	f.Send(taken(begun(30)))
	at("10.0.0.28")
	if !slices.Contains(p.Facts(), "G follows") {
		t.Errorf("facts are %q", p.Facts())
	}
	f.Press("G")
	f.Send(taken(begun(31)))
	at("10.0.0.31")
	f.Press("g", "down", "down")
	at("10.0.0.2:")
	f.Press("pgdown")
	at("10.0.0.21")
	f.Press("pgup")
	at("10.0.0.2:")
	p.Click(5, 1)
	at("10.0.0.0:")
	p.Click(5, 4)
	at("10.0.0.3:")
	p.Click(5, 90)
	at("10.0.0.3:")
	if got := p.Facts(); !slices.Equal(got, []string{"G follows", "32/32"}) {
		t.Errorf("facts are %q", got)
	}
}

func TestFilterKeepsTheCursor(t *testing.T) {
	f, p := newLog(130)
	for i := range 20 {
		f.Send(taken(begun(i)))
	}
	f.Send(taken(flow.Event{Time: fake.Start, Type: flow.EventLost, Lost: 1}, ended(12, flow.ReasonRST)))
	f.Press("g", "down", "down", "down")
	set := func(text string) {
		t.Helper()
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		f.Run(f.SetFilter(parsed))
	}
	set("udp")
	if got := cursor(t, p); !strings.Contains(got, "10.0.0.7:") {
		t.Errorf("the cursor is on %q", got)
	}
	// What was lost is always shown, and a flow that has ended by its last state.
	if got := p.Facts(); !slices.Equal(got, []string{"filter: udp", "G follows", "6/22"}) {
		t.Errorf("facts are %q", got)
	}
	set("reason:rst")
	if shown, kept := p.Counts(); shown != 2 || kept != 22 {
		t.Errorf("%d/%d", shown, kept)
	}
	set("icmp6")
	if shown, _ := p.Counts(); shown != 1 {
		t.Errorf("%d shown", shown)
	}
	if f.Press("esc"); f.FilterText() != "" {
		t.Errorf("the filter is %q", f.FilterText())
	}
	if got := cursor(t, p); !strings.Contains(got, "10.0.0.3:") {
		t.Errorf("the cursor is on %q", got)
	}
}

func TestEmptiness(t *testing.T) {
	f, p := newLog(130)
	if got := p.Lines(); len(got) != 3 || got[2] != "  nothing has happened yet" {
		t.Errorf("%q", got)
	}
	f.Send(taken(begun(0), begun(1)))
	if got := p.Lines(); len(got) != 3 || strings.Contains(strings.Join(got, ""), "nothing") {
		t.Errorf("%q", got)
	}
	udp, _ := filter.Parse("udp")
	f.Run(f.SetFilter(udp))
	if got := p.Lines(); len(got) != 3 || got[2] != "  none of 2 events passes the filter; Esc clears it" {
		t.Errorf("%q", got)
	}
}

func TestPause(t *testing.T) {
	f, p := newLog(130)
	f.Send(taken(begun(0)))
	f.Run(f.TogglePause())
	f.Send(taken(begun(1), begun(2)))
	f.Note("something")
	if shown, kept := p.Counts(); shown != 1 || kept != 1 {
		t.Errorf("paused: %d/%d", shown, kept)
	}
	f.Run(f.TogglePause())
	if shown, _ := p.Counts(); shown != 4 {
		t.Errorf("going on: %d", shown)
	}
	if got := cursor(t, p); !strings.Contains(got, "something") {
		t.Errorf("the cursor is on %q", got)
	}
	// What is held back is bounded, too.
	f.Run(f.TogglePause())
	for range 13 {
		f.Send(taken(slices.Repeat([]flow.Event{begun(3)}, 1000)...))
	}
	f.Run(f.TogglePause())
	if _, kept := p.Counts(); kept > events.Limit*5/4 || kept < events.Limit {
		t.Errorf("%d kept", kept)
	}
}

func TestTheOldestGo(t *testing.T) {
	f, p := newLog(130)
	f.Send(taken(begun(0)))
	f.Send(taken(slices.Repeat([]flow.Event{begun(1)}, events.Limit*5/4-1)...))
	if _, kept := p.Counts(); kept != events.Limit*5/4 {
		t.Fatalf("%d kept", kept)
	}
	f.Press("up", "up")
	before := strings.Join(p.Lines(), "\n")
	f.Send(taken(begun(2)))
	if _, kept := p.Counts(); kept != events.Limit || len(p.Of(1)) != 0 {
		t.Errorf("%d kept", kept)
	}
	if after := strings.Join(p.Lines(), "\n"); after != before {
		t.Errorf("what is visible moved:\n%s\n%s", before, after)
	}
}

func TestLog(t *testing.T) {
	f, p := newLog(130)
	late := begun(3)
	late.Age = 2 * time.Second // it began two seconds before it was told
	f.Send(taken(begun(1), begun(2), late, ended(2, flow.ReasonRST), flow.Event{Type: flow.EventLost, Lost: 3}))
	f.Note("of nobody")
	if got := p.Of(3); len(got) != 2 || got[0].Type != flow.EventNew || got[1].Type != flow.EventDestroy {
		t.Errorf("of a flow: %+v", got)
	}
	if got := p.Of(0); len(got) != 0 {
		t.Errorf("of no flow: %+v", got)
	}
	want := []netip.Addr{netip.MustParseAddr("10.0.0.2")}
	if got := p.Opened(fake.Start.Add(2 * time.Second)); !slices.Equal(got, want) {
		t.Errorf("opened by %v", got)
	}
}

func TestKeys(t *testing.T) {
	f, _ := newLog(130)
	for _, k := range []string{"enter", "y", "f"} {
		if f.Press(k); f.Said() != "there is no flow here" {
			t.Errorf("%s: %q", k, f.Said())
		}
	}
	f.Send(taken(ended(3, flow.ReasonRST)))
	if f.Press("enter"); f.Flow == nil || f.Flow.ID != 4 || f.Flow.State != flow.StateFinWait2 {
		t.Errorf("opened %+v", f.Flow)
	}
	f.Pop()
	if f.Press("y"); !strings.HasPrefix(f.Said(), "copied tcp 10.0.0.3:40003") {
		t.Errorf("said %q", f.Said())
	}
	if f.Press("f"); f.FilterText() != "proto:tcp dst:192.168.1.10 dport:443" {
		t.Errorf("the filter is %q", f.FilterText())
	}
	if f.Press("d") {
		t.Error("d means something")
	}
	if f.Press("/"); f.Dialog() == nil {
		t.Error("no filter can be typed")
	}
	f.Send(taken(flow.Event{Type: flow.EventLost, Lost: 1}))
	f.Press("esc", "G", "enter")
	if f.Said() != "there is no flow here" {
		t.Errorf("of lost events: %q", f.Said())
	}
}

func TestKeysAreTaken(t *testing.T) {
	for _, k := range []string{"enter", "/", "esc", "y", "f"} {
		f, _ := newLog(130)
		if !f.Press(k) {
			t.Errorf("%s means nothing without an event", k)
		}
		f, _ = newLog(130)
		f.Send(taken(begun(0)))
		if !f.Press(k) {
			t.Errorf("%s means nothing", k)
		}
	}
}

// A log that follows new events shows the newest at any size.
func TestFollowingAtAnySize(t *testing.T) {
	f, p := newLog(120)
	for i := range 30 {
		f.Send(taken(begun(i)))
	}
	newest := cursor(t, p)
	if !strings.Contains(newest, "10.0.0.29 echo") {
		t.Errorf("the cursor is on %q", newest)
	}
	for _, height := range []int{3, 20, 5, 40, 1, 10} {
		if p.SetSize(120, height); cursor(t, p) != newest {
			t.Errorf("%d lines: the cursor is on %q", height, cursor(t, p))
		}
	}
}

// A click on an older event keeps the cursor there, and one on the newest follows.
func TestClicksFollow(t *testing.T) {
	f, p := newLog(120)
	for i := range 5 {
		f.Send(taken(begun(i)))
	}
	for _, c := range []struct {
		line int
		want string
	}{{2, "10.0.0.1:"}, {6, "10.0.0.5:"}} {
		f.Run(p.Click(10, c.line))
		f.Send(taken(begun(5)))
		if got := cursor(t, p); !strings.Contains(got, c.want) {
			t.Errorf("line %d: the cursor is on %q", c.line, got)
		}
	}
}
