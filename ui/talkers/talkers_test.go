package talkers

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// copied and exported are what tests copied and exported.
var (
	copied   []string
	exported []order.Groups
)

func newPage(flows ...flow.Flow) (*fake.Frame, *Page) {
	f := fake.NewFrame(flows...)
	f.Width = 120
	p := New(f.Frame, acting.New(f.Frame, acting.Options{Copy: func(text string) { copied = append(copied, text) }}), Options{Export: func(g order.Groups) (string, error) {
		exported = append(exported, g)
		return "/a/file", nil
	}})
	f.With(p)
	f.Run(p.Update(page.Opened{}))
	p.SetSize(120, 20)
	return f, p
}

// words returns a column of the first lines by the number of its word.
func words(p *Page, n int) (list []string) {
	for _, line := range p.Lines()[1:] {
		if all := strings.Fields(strings.TrimPrefix(line, "▌")); len(all) > n {
			list = append(list, all[n])
		}
	}
	return list
}

// groupByProtocol presses B until the talkers are grouped by protocol, and returns how
// often.
func groupByProtocol(f *fake.Frame, p *Page) (times int) {
	for p.Facts()[0] != "by protocol" && times < 100 {
		f.Press("B")
		times++
	}
	return times
}

func TestGrouping(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	if got := words(p, 0)[:3]; !slices.Equal(got, []string{"10.0.0.0", "10.0.0.3", "10.0.0.4"}) {
		t.Errorf("the first are %q", got)
	}
	if got := p.Facts(); !slices.Equal(got, []string{"by source", "40 groups"}) {
		t.Errorf("facts are %q", got)
	}
	times := groupByProtocol(f, p)
	if got := p.Lines()[0]; !strings.HasPrefix(got, "  PROTOCOL") {
		t.Errorf("titles are %q", got)
	}
	if got, n := words(p, 0), words(p, 1); !slices.Equal(got, []string{"tcp", "icmp", "udp"}) || !slices.Equal(n, []string{"24", "8", "8"}) {
		t.Errorf("groups are %q of %q", got, n)
	}
	var s page.Settings
	if p.Save(&s); s.Group != "protocol" {
		t.Errorf("saved %q", s.Group)
	}
	for range times {
		f.Press("b")
	}
	if got := p.Facts()[0]; got != "by source" {
		t.Errorf("facts are %q", got)
	}
	p.Restore(s)
	if got := p.Facts()[0]; got != "by protocol" {
		t.Errorf("restored %q", got)
	}
	p.Restore(page.Settings{Group: "x"})
	if got := p.Facts()[0]; got != "by protocol" {
		t.Errorf("restored %q", got)
	}
}

func TestSorting(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	groupByProtocol(f, p)
	titled := func(want string) {
		t.Helper()
		if got := p.Lines()[0]; !strings.Contains(got, want) {
			t.Errorf("titles are %q, without %q", got, want)
		}
	}
	titled("⇄ b/s ▼")
	f.Press("s")
	titled("PROTOCOL ▲")
	if got := words(p, 0); !slices.Equal(got, []string{"icmp", "tcp", "udp"}) {
		t.Errorf("by name: %q", got)
	}
	f.Press("S")
	titled("PROTOCOL ▼")
	at := strings.Index(p.Lines()[0], "FLOWS")
	f.Run(p.Click(at, 0))
	titled("FLOWS ▼")
	f.Run(p.Click(at, 0))
	titled("FLOWS ▲")
	if got := words(p, 1); !slices.Equal(got, []string{"8", "8", "24"}) {
		t.Errorf("by flows: %q", got)
	}
	f.Run(p.Click(strings.Index(p.Lines()[0], "SHARE"), 0)) // sorts nothing
	titled("FLOWS ▲")
}

func TestShares(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	groupByProtocol(f, p)
	f.Press("s", "s") // by flows
	shares := []string{}
	for _, line := range p.Lines()[1:4] {
		at := strings.Index(line, "%")
		shares = append(shares, strings.TrimSpace(line[at-4:at]))
	}
	slices.Sort(shares)
	if !slices.Equal(shares, []string{"20", "20", "60"}) {
		t.Errorf("shares are %q", shares)
	}
	f.Run(f.NextUnit())
	if got := p.Facts(); !slices.Contains(got, "rates in bytes") {
		t.Errorf("facts are %q", got)
	}
}

func TestTheCursorKeepsItsGroup(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	on := func(want string) {
		t.Helper()
		for _, line := range p.Lines() {
			if strings.HasPrefix(line, "▌") && !strings.Contains(line, want+" ") {
				t.Errorf("the cursor is on %q, not on %s", line, want)
			}
		}
	}
	show := func(flows []flow.Flow) {
		f.Latest = fake.Snapshot(fake.Start, flows)
		f.Shown = f.Latest
		f.Send(page.ShownChanged{})
	}
	on("10.0.0.0")
	faster := fake.Flows(40)
	faster[3].Reply.BPS = 1e12
	show(faster)
	on("10.0.0.3") // until it is moved, it stays on top
	f.Press("down")
	on("10.0.0.0")
	show(fake.Flows(40))
	on("10.0.0.0")
	if p.window.Offset != 0 {
		t.Errorf("the list begins with line %d", p.window.Offset)
	}
	f.Press("G")
	on("10.0.0.37")
	f.Press("g", "pgdown")
	on("10.0.0.30")
	f.Press("pgup", "up")
	on("10.0.0.0")
	p.Click(5, 3)
	on("10.0.0.4")
	p.Click(5, 100)
	on("10.0.0.4")
	f.Press("b") // another grouping begins at the top
	on("192.168.1.10")
}

func TestDrillDown(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	f.Press("down", "enter")
	if f.FilterText() != "src:10.0.0.3" || f.CameFrom() != "page" {
		t.Errorf("the filter is %q, from %q", f.FilterText(), f.CameFrom())
	}
	f.Run(f.Retrace())
	if f.FilterText() != "" {
		t.Errorf("the filter is %q", f.FilterText())
	}
	if f.Press("x") {
		t.Error("x means something")
	}
	if f.Press("/"); f.Dialog() == nil {
		t.Error("no filter can be typed")
	}
	f.Press("udp", "enter")
	if got := p.Facts(); !slices.Equal(got, []string{"filter: udp", "by source", "8 groups"}) {
		t.Errorf("facts are %q", got)
	}
	if f.Press("esc"); f.FilterText() != "" {
		t.Errorf("the filter is %q", f.FilterText())
	}
}

func TestEmptiness(t *testing.T) {
	f, p := newPage()
	if got := p.Lines(); !strings.Contains(got[len(got)-1], "waiting for the first snapshot") {
		t.Errorf("%q", got)
	}
	for _, k := range []string{"enter", "y"} {
		f.Hush()
		if f.Press(k); f.Said() != "there is no flow here" {
			t.Errorf("%s: said %q", k, f.Said())
		}
	}
	f.Latest = fake.Snapshot(fake.Start, fake.Flows(3))
	f.Shown = f.Latest
	if got := p.Lines(); !strings.Contains(got[len(got)-1], "counting") || len(p.Facts()) != 1 {
		t.Errorf("%q", got)
	}
	f.Send(page.ShownChanged{})
	f.Press("/", "icmp6", "enter")
	if got := p.Lines(); !strings.Contains(got[len(got)-1], "none of 3 flows passes the filter") {
		t.Errorf("%q", got)
	}
}

func TestNothingIsCountedUnseen(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	f.SetTabs(page.Tab{Title: "Other", Page: page.Base{}}, page.Tab{Title: "Talkers", Page: p})
	f.Shown = fake.Snapshot(fake.Start, fake.Flows(9))
	f.Send(page.ShownChanged{})
	if got := p.groups.All; got != 3 {
		t.Errorf("%d groups", got)
	}
	f.Run(f.OpenTab(1))
	if got := p.groups.All; got != 9 {
		t.Errorf("%d groups", got)
	}
	if f.Send(page.ShownChanged{}); p.counted != weak.Make(f.Shown) {
		t.Error("counted another snapshot")
	}
}

func TestColumnsGiveWay(t *testing.T) {
	_, p := newPage(fake.Flows(40)...)
	for width, want := range map[int]string{
		92: "SOURCE FLOWS PACKETS BYTES → b/s ← b/s ⇄ b/s ▼ SHARE",
		91: "SOURCE FLOWS BYTES → b/s ← b/s ⇄ b/s ▼ SHARE",
		71: "SOURCE FLOWS BYTES → b/s ← b/s ⇄ b/s ▼ SHARE",
		70: "SOURCE FLOWS → b/s ← b/s ⇄ b/s ▼ SHARE",
		60: "SOURCE FLOWS → b/s ← b/s ⇄ b/s ▼",
		54: "SOURCE FLOWS ← b/s ⇄ b/s ▼",
		46: "SOURCE FLOWS ⇄ b/s ▼",
		38: "SOURCE FLOWS",
		31: "SOURCE FLOWS",
		30: "SOURCE",
	} {
		p.SetSize(width, 20)
		if got := strings.Join(strings.Fields(p.Lines()[0]), " "); got != want {
			t.Errorf("at %d: %q", width, got)
		}
		for _, line := range p.Lines() {
			if n := len([]rune(line)); n > width {
				t.Errorf("at %d: %q is %d wide", width, line, n)
			}
		}
	}
	p.SetSize(120, 2)
	if got := p.Lines(); len(got) != 2 || !strings.HasPrefix(got[0], "▌ 10.0.0.0 ") {
		t.Errorf("two lines are %q", got)
	}
}

func TestAddresses(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	if got := p.Addresses(); len(got) != 19 || got[0].String() != "10.0.0.0" {
		t.Errorf("%v", got)
	}
	f.Press("B")
	if got := p.Addresses(); got != nil {
		t.Errorf("%v", got)
	}
}

// TestScreens compares the whole page, by each grouping.
func TestScreens(t *testing.T) {
	for _, width := range []int{40, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			f, p := newPage(fake.Flows(200)...)
			p.SetSize(width, 8)
			f.Names.Set(true)
			var all []string
			for range 8 {
				all = append(all, p.Lines()...)
				f.Press("b", "down")
			}
			f.Press("B", "s", "s", "s")
			golden.RequireEqual(t, []byte(strings.Join(append(all, p.Lines()...), "\n")))
		})
	}
}

func TestUnits(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	bits := strings.Join(p.Lines(), "\n")
	f.Run(f.NextUnit())
	bytes := strings.Join(p.Lines(), "\n")
	f.Run(f.NextUnit())
	if packets := strings.Join(p.Lines(), "\n"); bits == bytes || packets == bytes || !p.by.Packets {
		t.Errorf("rates are the same in another unit:\n%s", packets)
	}
	p.by.Packets = false
	if p.Restore(page.Settings{}); !p.by.Packets {
		t.Error("restored without the unit")
	}
}

func TestKeysAreTaken(t *testing.T) {
	for _, k := range []string{"b", "B", "s", "S", "enter", "/", "esc"} {
		if f, _ := newPage(fake.Flows(40)...); !f.Press(k) {
			t.Errorf("%s means nothing", k)
		}
	}
}

// groupBy presses b until the talkers are grouped by something.
func groupBy(f *fake.Frame, p *Page, by order.Grouping) {
	for range 30 {
		if p.grouping != by {
			f.Press("b")
		}
	}
}

// TestWidth changes the width of networks, and says so where there are none.
func TestWidth(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	f.Press("+")
	if !strings.Contains(f.Said(), "only networks have a width") {
		t.Errorf("said %q", f.Said())
	}
	groupBy(f, p, order.BySourceNet)
	if got := p.Facts()[0]; got != "by source net /24 /64" || words(p, 0)[0] != "10.0.0.0/24" {
		t.Errorf("%q, %q", got, words(p, 0))
	}
	f.Press("+", "+")
	if got := p.Facts()[0]; got != "by source net /16 /48" || words(p, 0)[0] != "10.0.0.0/16" {
		t.Errorf("%q, %q", got, words(p, 0))
	}
	f.Press("-", "-", "-", "-", "-", "-")
	if got := p.Facts()[0]; got != "by source net /32 /128" || len(words(p, 0)) < 15 {
		t.Errorf("%q, %q", got, words(p, 0))
	}
}

// TestCopyAndExport copies a pair as its names, as a filter and as a command, and exports
// what is shown.
func TestCopyAndExport(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	groupBy(f, p, order.ByPair)
	copied, exported = nil, nil
	f.Press("y", "y", "y", "y", "e")
	g := p.groups.Top[0].Key
	a, b := g.Net.Addr().String(), g.Peer.String()
	want := []string{
		a + " ⇄ " + b, "host:" + a + " host:" + b, "ctop --dump --filter 'host:" + a + " host:" + b + "'", a + " ⇄ " + b,
	}
	if !slices.Equal(copied, want) {
		t.Errorf("copied %q, want %q", copied, want)
	}
	if len(exported) != 1 || len(exported[0].Top) != len(p.groups.Top) || !strings.Contains(f.Said(), "groups to /a/file") {
		t.Errorf("exported %d times, said %q", len(exported), f.Said())
	}
	if got := fitName(a+between+b, 20); !strings.Contains(got, between) || format.Width(got) > 20 {
		t.Errorf("shortened to %q", got)
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
