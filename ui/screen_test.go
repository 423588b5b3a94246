package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
)

// Every column of the line of tabs belongs to the tab that stands there, with the space behind
// it, whether tabs have their titles or not.
func TestTabAt(t *testing.T) {
	for _, width := range []int{200, compactTabs - 1} {
		c := newConsole(t, width, 24, flowsUpTo(3))
		m := c.m.root
		line := []rune(m.tabsLine())
		if _, ok := m.tabAt(0); ok {
			t.Error("a tab begins with the screen")
		}
		x := 1
		for i := range m.frame.Tabs() {
			text := m.tabText(i, m.compact())
			if got := string(line[x : x+format.Width(text)]); got != text {
				t.Errorf("%d wide: tab %d is drawn as %q, not %q", width, i, got, text)
			}
			for end := x + format.Width(text) + 1; x < end; x++ {
				if at, ok := m.tabAt(x); !ok || at != i {
					t.Errorf("%d wide: at column %d is tab %d, %t, want %d", width, x, at, ok, i)
				}
			}
		}
		if at, ok := m.tabAt(x); ok || at != 0 {
			t.Errorf("%d wide: behind the tabs is tab %d", width, at)
		}
	}
}

// Facts that do not fit are left out, the first first. A filter is cut as long as enough of it
// stays, and goes last.
func TestFitFacts(t *testing.T) {
	const filter = page.FilterLabel + "dport:443 src:10.0.0.0/8"
	cut := func(n int) string { return format.Cut(filter, format.Width(filter)-n) }
	all := format.Width(strings.Join([]string{filter, "bb", "cc"}, factGap))
	for i, c := range []struct {
		facts []string
		room  int
		want  []string
	}{
		{nil, 10, nil},
		{[]string{"aa", "bb"}, 7, []string{"aa", "bb"}},
		{[]string{"aa", "bb"}, 6, []string{"bb"}},
		{[]string{"aa", "bb"}, 1, nil},
		{[]string{filter, "bb", "cc"}, all, []string{filter, "bb", "cc"}},
		{[]string{filter, "bb", "cc"}, all - 1, []string{cut(1), "bb", "cc"}},
		{[]string{filter, "bb", "cc"}, all - (format.Width(filter) - leastFilter), []string{format.Cut(filter, leastFilter), "bb", "cc"}},
		{[]string{filter, "bb", "cc"}, all - (format.Width(filter) - leastFilter) - 1, []string{format.Cut(filter, leastFilter+4), "cc"}},
		{[]string{"aa", filter}, format.Width(filter) + 4, []string{"aa", cut(1)}},
		{[]string{filter, "bb"}, 2, []string{"bb"}},
	} {
		if got := fitFacts(slices.Clone(c.facts), c.room); !slices.Equal(got, c.want) {
			t.Errorf("%d: in %d columns fit %q, want %q", i, c.room, got, c.want)
		}
	}
}

// takenEvents are the events that a page was given.
type takenEvents struct {
	page.Base
	all, shown, times int
}

func (p *takenEvents) Update(msg tea.Msg) tea.Cmd {
	if e, ok := msg.(page.EventsTaken); ok {
		p.all, p.shown, p.times = len(e.All), len(e.Shown), p.times+1
	}
	return nil
}

// Of more new events than can be read the newest are shown, and it is said how many are not, but
// not of those that were there at first. A log that begins again has nothing left out.
func TestTakeEvents(t *testing.T) {
	for i, c := range []struct {
		position, next uint64
		events         int
		shown, times   int
		missed         uint64
	}{
		{0, 0, 0, 0, 0, 0},
		{0, 5000, 3000, 3000, 1, 0},
		{0, 5000, 0, 0, 1, 0},
		{10, 10, 0, 0, 0, 0},
		{10, 12, 2, 2, 1, 0},
		{10, 10 + mostEvents, mostEvents, mostEvents, 1, 0},
		{10, 11 + mostEvents, mostEvents + 1, mostEvents, 1, 1},
		{10, 50, 20, 20, 1, 20},
		{10, 50, 0, 0, 1, 40},
		{10, 5, 5, 5, 1, 0},
	} {
		c0 := newConsole(t, 100, 24, flowsUpTo(1))
		m := c0.m.root
		p := &takenEvents{}
		m.frame.SetTabs(page.Tab{Title: "x", Page: p})
		m.position = c.position
		m.takeEvents(look{events: make([]flow.Event, c.events), next: c.next})
		if p.shown != c.shown || p.all != c.events || p.times != c.times || m.frame.Missed != c.missed || m.position != c.next {
			t.Errorf("%d: %d of %d are shown, in %d messages, %d are missed", i, p.shown, p.all, p.times, m.frame.Missed)
		}
	}
}

// A snapshot is taken once. The time between two is known from then on, unless the second is
// the first one again.
func TestTakeSnapshot(t *testing.T) {
	c := newConsole(t, 100, 24, flowsUpTo(1))
	m := c.m.root
	first := m.frame.Latest
	take := func(s *flow.Snapshot) time.Duration {
		m.takeSnapshot(s)
		return m.gap
	}
	later := snapshotOf(start.Add(7*time.Second), flowsUpTo(2))
	if take(later) != 7*time.Second || m.frame.Latest != later || m.frame.Target != later {
		t.Errorf("there are %s between snapshots", m.gap)
	}
	again := snapshotOf(later.Time, flowsUpTo(2))
	if take(again) != 7*time.Second || m.frame.Latest != again {
		t.Errorf("the same snapshot again is %s later", m.gap)
	}
	if take(nil) != 7*time.Second || m.frame.Latest != again {
		t.Error("no snapshot is one")
	}
	m.frame.Paused = true
	if m.takeSnapshot(first); m.frame.Latest != first || m.frame.Target != again {
		t.Error("a paused console shows another snapshot")
	}
}

// What is less important gives way first in the header.
func TestHeaderSegmentsGiveWay(t *testing.T) {
	m := newConsole(t, 200, 24, flowsUpTo(3), WithRole("observer")).m.root
	m.frame.Latest.Pair = flow.Pair{State: flow.PairInSync, Partner: "b", Lag: 2 * time.Millisecond}
	list := m.headerSegments()
	slices.SortStableFunc(list, func(a, b segment) int { return a.rank - b.rank })
	var got []string
	for _, s := range list {
		got = append(got, strings.TrimSpace(s.text))
	}
	want := []string{"ctop", "veth1 ⇄ veth2", "observer", "3 / 65,536 flows", "observe", "in sync 2.00 ms", "412 Mb/s", "lost 0", "native", "48.1 kpps"}
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Errorf("the order is %q", got)
	}
}

// The segments of the lowest ranks that fit are shown, in the order in which they stand.
func TestChoose(t *testing.T) {
	list := []segment{{text: "aaaa", rank: 2}, {text: "b", rank: 0}, {text: "cc", rank: 1}, {text: "d", rank: ranks - 1}}
	for width, want := range map[int]string{0: "b", 4: "b", 5: "b d", 6: "b cc", 8: "b cc", 9: "b cc d", 11: "b cc d", 12: "aaaa b cc", 14: "aaaa b cc", 15: "aaaa b cc d"} {
		var got []string
		for _, s := range choose(list, width) {
			got = append(got, s.text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("in %d columns: %q, want %q", width, got, want)
		}
	}
}

// Segments stand at both ends of the line, and apart from each other while there is room.
func TestJoinSegments(t *testing.T) {
	left, right := segment{text: "a"}, segment{text: "bcd", right: true}
	for width, want := range map[int]string{20: " a               bcd", 9: " a    bcd", 7: " a  bcd"} {
		if got := joinSegments([]segment{left, right}, width); got != want {
			t.Errorf("in %d columns: %q, want %q", width, got, want)
		}
	}
	if got := joinSegments([]segment{left, left}, 20); got != " a  a" {
		t.Errorf("on one side: %q", got)
	}
}

// A wheel moves the page by three lines, also under a dialog that lets it.
func TestWheel(t *testing.T) {
	c := newConsole(t, 120, 24, flowsUpTo(100))
	turn := func(b tea.MouseButton) { c.send(tea.MouseMsg{Button: b, Action: tea.MouseActionPress, X: 5, Y: 8}) }
	c.press("down")
	first := c.cursor()
	turn(tea.MouseButtonWheelDown)
	c.cursorOn(strings.Fields(strings.Trim(c.cursor(), "▌ "))[0])
	moved := c.cursor()
	if moved == first {
		t.Error("the wheel moves nothing")
	}
	c.press("up", "up", "up")
	if c.cursor() != first {
		t.Errorf("the wheel moved from %q to %q", first, moved)
	}
	turn(tea.MouseButtonWheelDown)
	turn(tea.MouseButtonWheelUp)
	if c.cursor() != first {
		t.Errorf("the wheel comes back to %q", c.cursor())
	}
	c.press("q")
	if m := c.m.root; m.frame.Dialog() != nil && !m.frame.Dialog().Below().Scrolls {
		turn(tea.MouseButtonWheelDown)
		c.press("esc")
		if c.cursor() != first {
			t.Error("the wheel moves what is under a question")
		}
	}
}

// The header of a fleet says what the hosts say of the filter that is on the screen.
func TestFleetSegments(t *testing.T) {
	host := func(name, state string) Host { return Host{Name: name, State: state} }
	for i, c := range []struct {
		state FleetState
		want  []string
	}{
		{FleetState{Hosts: []Host{host("a", "here")}, Flows: 5, Matching: 5}, []string{"1 host", "5 flows"}},
		{FleetState{Hosts: []Host{host("a", "here"), host("b", "gone")}, Flows: 5, Matching: 3}, []string{"1 host", "3 of 5 flows match", "1 host not here"}},
		{FleetState{Hosts: []Host{host("a", "gone"), host("b", "left")}, Flows: 5, Matching: 5, Asking: true}, []string{"0 hosts", "asking", "2 hosts not here"}},
		{FleetState{filter: "tcp", Flows: 5, Matching: 5}, []string{"0 hosts", "asking"}},
	} {
		f := &fakeFleet{fakeSource: &fakeSource{snapshot: snapshotOf(start, flowsUpTo(3))}}
		m := newConsole(t, 120, 24, flowsUpTo(3), WithFleet(f)).m.root
		m.takeFleet(c.state)
		var got []string
		for _, s := range m.fleetSegments() {
			if !strings.Contains(s.text, "b/s") {
				got = append(got, s.text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d: it says %q, want %q", i, got, c.want)
		}
		if asks := m.frame.Asking != ""; asks != c.state.Asking {
			t.Errorf("%d: it says %q", i, m.frame.Asking)
		}
	}
	if m := newConsole(t, 120, 24, flowsUpTo(3)).m.root; m.frame.Asking != "" {
		t.Error("one host is asked as a fleet")
	} else if m.takeFleet(FleetState{Asking: true}); m.frame.Asking != "" {
		t.Errorf("without a fleet it says %q", m.frame.Asking)
	}
}
