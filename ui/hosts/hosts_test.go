package hosts_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"ctop/ui/hosts"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// fleet are hosts whose list may change.
type fleet struct{ list []hosts.Host }

func (f *fleet) hosts() []hosts.Host { return f.list }

func newPage(names ...string) (*fake.Frame, *hosts.Page, *fleet) {
	f, all := fake.NewFrame(fake.Flows(3)...), &fleet{}
	f.Theme.Alert = theme.New(termenv.ANSI, true, false).Alert
	for i, name := range names {
		all.list = append(all.list, hosts.Host{
			Name: name, State: "here", Age: time.Duration(i) * time.Second, Version: "1.2", Place: "eth0", Flows: 1000 + i, MaxFlows: 65536, Lost: uint64(i), Full: 7,
		})
	}
	p := hosts.New(f.Frame, all.hosts)
	f.With(page.Base{})
	f.InSecondTab("Hosts", p)
	f.Send(page.Polled{})
	p.SetSize(80, 5)
	return f, p, all
}

// row returns the words of the line of a host, empty if it is not on the screen.
func row(p *hosts.Page, name string) string {
	for _, line := range p.Lines() {
		if text := fake.Words(line); strings.Contains(text, name) {
			return text
		}
	}
	return ""
}

// at returns the host under the cursor.
func at(p *hosts.Page) string {
	name, _, _ := strings.Cut(fake.AtCursor(p), " ")
	return name
}

// A line has what a host says of itself. On a narrow screen alarms come first.
func TestRows(t *testing.T) {
	_, p, all := newPage("a", "b", "c")
	all.list[1].Alarms, all.list[2].State = []string{"full", "late"}, "gone"
	for _, c := range []struct {
		width int
		want  []string
	}{
		{109, []string{
			"HOST STATE HEARD FLOWS LOST FULL ALARMS, INTERFACES, VERSION", "▌a here 0s 1,000 0 7 eth0 1.2",
			"* b here 1s 1,001 1 7 ! full; late eth0 1.2", "* c gone 2s 1,002 2 7 eth0 1.2",
		}},
		{110, []string{
			"HOST STATE HEARD FLOWS LOST FULL MAX VERSION INTERFACES", "▌a here 0s 1,000 0 7 65,536 1.2 eth0",
			"* b here 1s 1,001 1 7 65,536 1.2 eth0 ! full; late", "* c gone 2s 1,002 2 7 65,536 1.2 eth0",
		}},
	} {
		p.SetSize(c.width, 5)
		var got []string
		for _, line := range p.Lines() {
			got = append(got, fake.Words(line))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d wide:\n%s\nwant\n%s", c.width, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	if got := p.Facts(); !slices.Equal(got, []string{"1 not here", "3 hosts"}) {
		t.Errorf("the facts are %q", got)
	}
	all.list[2].State = "here"
	if got := p.Facts(); !slices.Equal(got, []string{"3 hosts"}) {
		t.Errorf("the facts are %q", got)
	}
	if _, p, _ := newPage(); !strings.Contains(strings.Join(p.Lines(), ""), "no host is there") {
		t.Errorf("without hosts it says %q", p.Lines())
	}
}

// The cursor moves by lines, pages and clicks, and stays on its host when others come and go.
func TestCursor(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("h%02d", i))
	}
	f, p, all := newPage(names...)
	for i, c := range []struct {
		do   func()
		want string
	}{
		{func() {}, "h00"},
		{func() { f.Press("down", "down") }, "h02"},
		{func() { f.Press("pgdown") }, "h05"},
		{func() { f.Press("pgup") }, "h02"},
		{func() { f.Press("end") }, "h11"},
		{func() { f.Press("home") }, "h00"},
		{func() { p.Click(3, 3) }, "h02"},
		{func() { p.Click(3, 0) }, "h02"},
		{func() { p.Click(3, 5) }, "h02"},
		{func() { all.list = all.list[1:]; f.Send(page.Polled{}) }, "h02"},
		{func() { f.Paused = true; all.list = all.list[1:]; f.Send(page.Polled{}) }, "h02"},
		{func() { f.Press("down", "down") }, "h04"},
		{func() { f.Paused = false; f.Send(page.Polled{}) }, "h04"},
		{func() { all.list = all.list[:2]; f.Send(page.ShownChanged{}) }, "h04"},
	} {
		if c.do(); at(p) != c.want {
			t.Errorf("%d: the cursor is at %q, want %q", i, at(p), c.want)
		}
	}
	if n := len(p.Lines()); n != 5 {
		t.Errorf("of 5 lines it draws %d", n)
	}
	if row(p, "h11") != "" {
		t.Error("it draws what is not on the screen")
	}
}

// A paused console that knows no hosts yet looks once.
func TestFirstLookWhilePaused(t *testing.T) {
	f, p, all := newPage()
	f.Paused = true
	all.list = []hosts.Host{}
	f.Send(page.Polled{})
	all.list = []hosts.Host{{Name: "a", State: "here"}}
	if f.Send(page.Polled{}); p.Facts()[0] != "0 hosts" {
		t.Errorf("a paused console looks: %q", p.Facts())
	}
}

// Enter shows the flows of the host, Esc all flows.
func TestKeys(t *testing.T) {
	f, p, _ := newPage("a", "b")
	if !f.Press("down", "enter") || f.FilterText() != "on:b" || f.Open() != 0 {
		t.Errorf("the filter is %q on tab %d", f.FilterText(), f.Open())
	}
	f.Run(f.OpenTab(1))
	if !f.Press("esc") || f.Open() != 0 {
		t.Errorf("it stays on tab %d", f.Open())
	}
	if cmd, ok := p.HandleKey(fake.Keys("x")[0]); ok || cmd != nil {
		t.Error("it takes a key that is none of its own")
	}
	f, _, _ = newPage()
	if !f.Press("enter") || f.Open() != 1 {
		t.Errorf("Enter on no host goes to tab %d", f.Open())
	}
}
