package talkers

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/muesli/termenv"

	"ctop/internal/order"
	"ctop/ui/acting"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// hosts are the hosts of a fleet, which answer with what they are given.
type hosts struct {
	asked   [][]order.GroupKey
	groups  order.Groups
	settled bool
}

func (h *hosts) talk(r order.GroupRequest, asked []order.GroupKey) (order.Groups, int, bool) {
	h.asked = append(h.asked, asked)
	groups := h.groups
	groups.GroupRequest = r
	return groups, 2, h.settled
}

// groupsOf returns groups with so many flows each, of which those in over may have more.
func groupsOf(counts ...int) order.Groups {
	g := order.Groups{All: len(counts), Over: map[order.GroupKey]order.Bounds{}}
	for i, n := range counts {
		g.Top = append(g.Top, order.Group{Key: order.GroupKey{Net: netip.PrefixFrom(fake.Flow(i).Tuple.Src.Addr(), 32)}, Flows: n})
		g.Sum.Flows += n
	}
	return g
}

func newFleetPage(h *hosts) (*fake.Frame, *Page) {
	f := fake.NewFrame(fake.Flows(3)...)
	f.Width, f.HostsHere = 120, 3
	p := New(f.Frame, acting.New(f.Frame, acting.Options{}), Options{Fleet: h.talk})
	f.With(p)
	f.Run(p.Update(page.Opened{}))
	p.SetSize(120, 20)
	return f, p
}

// Hosts are asked when the page opens, with every look, and when what is asked changes.
func TestWhenHostsAreAsked(t *testing.T) {
	h := &hosts{groups: groupsOf(3, 2), settled: true}
	f, p := newFleetPage(h)
	if len(h.asked) != 1 || !slices.Equal(p.Facts(), []string{"by source", "2 of 3 hosts", "2 groups"}) {
		t.Errorf("asked %d times: %q", len(h.asked), p.Facts())
	}
	for i, c := range []struct {
		do    func()
		again int
	}{
		{func() { f.Send(page.Polled{}) }, 1},
		{func() { f.Send(page.ShownChanged{}) }, 0}, // the same snapshot
		{func() { f.Latest = fake.Snapshot(fake.Start, nil); f.Shown = f.Latest; f.Send(page.ShownChanged{}) }, 1},
		{func() { f.Send(page.FilterChanged{}) }, 1},
		{func() { f.Send(page.NamesChanged{}) }, 0},
		{func() { f.Press("/", "~web", "enter") }, 1},
		{func() { f.Send(page.NamesChanged{}) }, 1},
		{func() { f.Press("s") }, 1},
		{func() { f.Press("S") }, 1},
		{func() { f.Press("b") }, 1},
		{func() { f.Paused = true; f.Send(page.Polled{}) }, 0},
	} {
		before := len(h.asked)
		if c.do(); c.again > 0 != (len(h.asked) > before) {
			t.Errorf("%d: it asks %d times", i, len(h.asked)-before)
		}
	}
	one, p1 := newPage(fake.Flows(3)...)
	one.Latest = fake.Snapshot(fake.Start, fake.Flows(9))
	one.Shown = one.Latest
	if one.Send(page.Polled{}); p1.groups.All != 3 {
		t.Error("one host counts with every look")
	}
}

// What is shown stays until hosts have had time to answer, unless it is another grouping.
func TestUntilHostsAnswer(t *testing.T) {
	h := &hosts{groups: groupsOf(3, 2), settled: true}
	f, p := newFleetPage(h)
	h.groups, h.settled = groupsOf(1), false
	f.Send(page.Polled{})
	if len(p.groups.Top) != 2 || !p.asking {
		t.Errorf("it shows %d groups of hosts that have not all answered", len(p.groups.Top))
	}
	f.Press("b")
	if len(p.groups.Top) != 0 || p.loaded || !strings.Contains(strings.Join(p.Lines(), ""), "asking 3 hosts") {
		t.Errorf("by another grouping it shows %q", p.Lines())
	}
	h.settled = true
	f.Send(page.Polled{})
	if len(p.groups.Top) != 1 || p.asking || !p.loaded {
		t.Errorf("it shows %q", p.Lines())
	}
}

// Groups that may have more are marked, with how much where there is room, and their exact
// values are asked for, and no longer.
func TestExactValues(t *testing.T) {
	h := &hosts{groups: groupsOf(3, 2, 1), settled: true}
	var more order.Bounds
	more[0][order.GroupFlows], more[0][order.GroupRate] = 7, 8000
	h.groups.Over[h.groups.Top[1].Key] = more
	f, p := newFleetPage(h)
	f.Press("s", "s") // by flows
	row := func(i int) string { return strings.Join(strings.Fields(p.Lines()[i+1]), " ") }
	if got := row(1); !strings.Contains(got, " 7 ") || p.open(&p.groups.Top[1]) {
		t.Errorf("the second is %q", got)
	}
	p.SetSize(40, 20)
	if !p.open(&p.groups.Top[1]) || p.open(&p.groups.Top[0]) || !strings.HasPrefix(p.Lines()[2], " +") || strings.HasPrefix(p.Lines()[1], "▌+") {
		t.Errorf("where there is no room: %q", p.Lines())
	}
	f.Press("a")
	if f.Said() != "asking for exact values of 1 group" || !slices.Equal(p.asked, []order.GroupKey{h.groups.Top[1].Key}) || len(h.asked[len(h.asked)-1]) != 1 {
		t.Errorf("it says %q, and asks for %v", f.Said(), p.asked)
	}
	if f.Press("a"); p.asked != nil {
		t.Errorf("it still asks for %v", p.asked)
	}
	h.groups.Over = nil
	f.Send(page.Polled{})
	if f.Press("a"); f.Said() != "all values on the screen are exact" {
		t.Errorf("it says %q", f.Said())
	}
	p.groups.Unnamed = more
	if got := p.Facts(); got[len(got)-1] != "3 groups; others ≤ 7" {
		t.Errorf("the facts are %q", got)
	}
}

// A number of the sorted column is written as that column is.
func TestAmounts(t *testing.T) {
	f, p := newPage(fake.Flows(3)...)
	for i, c := range []struct {
		by   order.GroupSort
		n    float64
		want string
	}{
		{order.GroupFlows, 1234, "1,234"}, {order.GroupPackets, 1234567, "1.2 M"}, {order.GroupBytes, 1234567, "1.2 M"}, {order.GroupRate, 8000, "8.0 k"}, {order.GroupOut, 8000, "8.0 k"}, {order.GroupIn, 8000, "8.0 k"},
	} {
		p.groups.By.Sort = c.by
		if got := p.amount(c.n); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
	f.Run(f.NextUnit())
	p.groups.By.Sort = order.GroupRate
	if got := p.amount(8000); got != "1.0 k" {
		t.Errorf("in bytes: %q", got)
	}
	if p.share(&order.Group{Flows: 5}) != 0 {
		t.Error("there is a share of nothing")
	}
}

// Each title with an order sorts by its column, as far as it reaches, and no other does.
func TestTitlesSort(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	for _, at := range p.places {
		for x, sorts := range map[int]bool{at.x - 1: false, at.x: true, at.x + at.width - 1: true, at.x + at.width: false} {
			by, ok := p.titleAt(x)
			if want := sorts && columns[at.id].sorts; ok != want || want && by != columns[at.id].by || !sorts && by != 0 {
				t.Errorf("at column %d of title %d: %d, %t", x, at.id, by, ok)
			}
		}
	}
	before := p.by
	if f.Run(p.Click(119, 0)); p.by != before {
		t.Errorf("a click behind the titles sorts by %+v", p.by)
	}
	for id, want := range map[columnID]bool{name: true, flows: true, packets: true, bytes: true, out: true, in: true, rate: true, over: false, percent: false, bar: false} {
		if columns[id].sorts != want {
			t.Errorf("column %d sorts: %t", id, columns[id].sorts)
		}
	}
	f.Theme.Sorted = theme.New(termenv.ANSI, true, false).Sorted
	if got := p.titles(); strings.Count(got, "\x1b[0m") != 1 || !strings.Contains(got, "⇄ b/s ▼\x1b[0m") {
		t.Errorf("the titles are %q", got)
	}
}

// Columns stand apart by two cells where there is room for that, and the bar takes the rest.
func TestArrange(t *testing.T) {
	for _, fleet := range []bool{false, true} {
		for width := 20; width < 220; width++ {
			places := arrange(width, 20, fleet)
			end := gutter
			for i, at := range places {
				gap := at.x - end
				if i == 0 && gap != 0 || i > 0 && (gap < 1 || gap > 2) || at.width < min(columns[at.id].width, width) && at.id != name {
					t.Fatalf("%d wide: column %d stands %d behind the one before, %d wide", width, at.id, gap, at.width)
				}
				end = at.x + at.width
			}
			if end > width || places[0].width < min(20, width-gutter) {
				t.Fatalf("%d wide: the last column ends at %d, the first is %d wide", width, end, places[0].width)
			}
			if last := places[len(places)-1]; last.id == bar && last.width != min(max(width-last.x-1, 10), 40) {
				t.Fatalf("%d wide: the bar is %d wide", width, last.width)
			}
		}
	}
	if got := len(arrange(200, 20, true)); got != int(numColumns) {
		t.Errorf("%d columns of a fleet", got)
	}
	least := func(fleet bool, want int) int {
		for width := 1; ; width++ {
			if len(arrange(width, 20, fleet)) == want {
				return width
			}
		}
	}
	if one, many := least(false, int(numColumns)-1), least(true, int(numColumns)); many != one+8 {
		t.Errorf("all columns need %d cells, and %d in a fleet", one, many)
	}
}

// Of a pair both addresses are on the screen, and both names are cut if they do not fit.
func TestPairs(t *testing.T) {
	f, p := newPage(fake.Flows(40)...)
	groupBy(f, p, order.ByPair)
	got := p.Addresses()
	if len(got) != 38 || got[0] == got[1] || got[0].String() != "10.0.0.0" || got[1].String() != "192.168.1.10" {
		t.Errorf("%v", got)
	}
	whole := "2001:db8:1234:5678:9abc:def0:1234:5678" + between + "2001:db8:1234:5678:9abc:def0:1234:9999"
	size := len([]rune(whole))
	if fitName(whole, size) != whole || fitName(whole, size-1) == whole || !strings.Contains(fitName(whole, 40), between) || len([]rune(fitName(whole, 40))) > 40 {
		t.Errorf("%q", fitName(whole, 40))
	}
	if f.Press("b"); p.grouping == order.ByPair {
		t.Error("it stays with pairs")
	}
}

// With few lines there are no titles, and the cursor is where a click is.
func TestFewLines(t *testing.T) {
	for height, titled := range map[int]bool{4: true, 3: true, 2: false} {
		_, p := newPage(fake.Flows(40)...)
		p.SetSize(120, height)
		if got := strings.Contains(p.Lines()[0], "SOURCE"); got != titled || len(p.Lines()) != height {
			t.Errorf("%d lines: %q", height, p.Lines())
		}
		p.Click(5, height-1)
		if p.window.Cursor != p.bodyHeight()-1 || p.selected != p.groups.Top[p.window.Cursor].Key || !p.chosen {
			t.Errorf("%d lines: the cursor is on %d", height, p.window.Cursor)
		}
		if p.Top(); p.window.Cursor != 0 || p.selected != p.groups.Top[0].Key || p.chosen {
			t.Errorf("%d lines: at the top the cursor is on %v", height, p.selected)
		}
	}
	f, _ := newPage()
	for _, key := range []string{"enter", "y"} {
		if f.Press(key); f.Said() != "there is no flow here" {
			t.Errorf("%s says %q", key, f.Said())
		}
	}
}
