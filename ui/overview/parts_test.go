package overview

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// The charts of a moment of the past show what was there by then, and nothing where nothing was.
func TestUntil(t *testing.T) {
	var h History
	for i := range 5 {
		h.Add(&flow.Snapshot{Time: fake.Start.Add(time.Duration(i) * time.Second), PPS: float64(i)})
	}
	for after, want := range map[time.Duration]int{-1: 0, 0: 1, time.Second - 1: 1, time.Second: 2, 4*time.Second - 1: 4, 4 * time.Second: 5, time.Hour: 5} {
		h.until(fake.Start.Add(after))
		if got := len(h.visible()); got != want {
			t.Errorf("after %s %d samples are shown, want %d", after, got, want)
		}
		if now := h.now().pps; want > 0 && now != float64(want-1) {
			t.Errorf("after %s the last sample is %v", after, now)
		}
	}
	for range Remembered + Remembered/4 {
		h.Add(&flow.Snapshot{Time: fake.Start.Add(time.Hour)})
	}
	if n := len(h.samples); n != Remembered+4 {
		t.Errorf("%d samples are remembered", n)
	}
	if h.until(fake.Start); len(h.visible()) != 0 {
		t.Error("what was forgotten is shown")
	}
	if h.freeze(false); len(h.visible()) != len(h.samples) {
		t.Error("not everything is shown again")
	}
}

// As many samples are remembered as there are, up to a quarter more than the limit.
func TestRemembered(t *testing.T) {
	var h History
	for i := range 2*Remembered + 1 {
		h.Add(&flow.Snapshot{Time: fake.Start.Add(time.Duration(i) * time.Second)})
		n := i + 1
		for n > Remembered*5/4 {
			n -= Remembered/4 + 1
		}
		if len(h.samples) != n || h.total != i+1 {
			t.Fatalf("of %d samples %d are remembered, want %d", i+1, len(h.samples), n)
		}
	}
}

// The watched interfaces are listed by what they carried, so many of them, and none that is gone
// or of a replay.
func TestWatchedInterfaces(t *testing.T) {
	_, p := newPage(fake.Flows(1)...)
	s := fake.Snapshot(fake.Start, nil)
	s.Interfaces = []flow.Interface{
		{Name: "wire", Role: flow.RoleWire, Index: 1},
		{Name: "replay", Role: flow.RoleWatch, Mode: flow.ModeReplay, Index: 2},
		{Name: "gone", Role: flow.RoleWatch, Followed: true},
		{Name: "back", Role: flow.RoleWatch, Followed: true, Index: 3, In: flow.Volume{Bytes: 5}},
		{Name: "none", Role: flow.RoleWatch, Out: flow.Volume{Bytes: 7000}},
	}
	names := func() (list []string) {
		p.count.Snapshot = s
		for _, line := range p.watched() {
			list = append(list, strings.Join(strings.Fields(line), " "))
		}
		return list
	}
	if got := names(); !slices.Equal(got, []string{"none in 0 out 7.0 k", "back in 5 out 0"}) {
		t.Errorf("it lists %q", got)
	}
	s.Interfaces = nil
	for i := range mostWatched {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: fmt.Sprint(i), Role: flow.RoleWatch, Index: i + 1})
	}
	if got := names(); len(got) != mostWatched || strings.HasPrefix(got[mostWatched-1], "and") {
		t.Errorf("it lists %q", got)
	}
	s.Interfaces = append(s.Interfaces, flow.Interface{Name: "x", Role: flow.RoleWatch, Index: 99})
	if got := names(); len(got) != mostWatched+1 || got[mostWatched] != "and 1 more" {
		t.Errorf("it lists %q", got)
	}
}

// Many half-open flows, and many that are seen one way only, are a problem from a share on, if
// there are enough of them.
func TestManyOfAKind(t *testing.T) {
	half := order.Count{TCP: enough, HalfOpen: (manyHalf*enough + 99) / 100}
	one := order.Count{Flows: enough, OneSided: (manyOneSide*enough + 99) / 100}
	for i, c := range []struct {
		change func(half, one *order.Count)
		want   int
	}{
		{func(half, _ *order.Count) { half.HalfOpen-- }, 0},
		{func(half, _ *order.Count) { half.TCP-- }, 0},
		{func(_, one *order.Count) { one.OneSided-- }, 0},
		{func(_, one *order.Count) { one.Flows-- }, 0},
		{func(_, _ *order.Count) {}, 1},
	} {
		half, one := half, one
		c.change(&half, &one)
		n := 0
		for _, count := range []order.Count{half, one} {
			_, p := newPage(fake.Flows(1)...)
			p.count = count
			n += len(p.shape())
		}
		if n != c.want+1 {
			t.Errorf("%d: %d problems, want %d", i, n, c.want+1)
		}
	}
}

// The sources of new flows share the line with what all others open, while there is room.
func TestOpenersOfALine(t *testing.T) {
	_, p := newPage(fake.Flows(1)...)
	p.history = History{samples: []sample{{newRate: 100}}, total: 1}
	opener := func(net string, flows int) order.Opener {
		return order.Opener{Net: netip.MustParsePrefix(net), Flows: flows}
	}
	p.opening = order.Opening{Flows: 100, Sources: 9, Top: []order.Opener{opener("10.0.0.1/32", 50), opener("10.1.0.0/24", 30)}}
	const whole = "10.0.0.1 50/s   10.1.0.0/24 30/s   others 20/s"
	second := strings.LastIndex(whole, "   ")
	first := strings.Index(whole, "   ")
	for room, want := range map[int]string{
		100: whole, len(whole): whole, len(whole) - 1: whole[:second], second: whole[:second], second - 1: "10.0.0.1 50/s   others 50/s", first + len("   others 50/s") - 1: whole[:first], first: whole[:first],
	} {
		if got := p.openedBy(room); got != want {
			t.Errorf("in %d columns: %q, want %q", room, got, want)
		}
	}
	p.opening.Top[1].Flows = 50
	if got := p.openedBy(100); got != "10.0.0.1 50/s   10.1.0.0/24 50/s" {
		t.Errorf("with nobody else: %q", got)
	}
	p.opening.Top = nil
	if got := p.openedBy(100); got != "no single source: 9 of them" {
		t.Errorf("with nobody: %q", got)
	}
	if p.opening.Flows = 0; p.openedBy(100) != "not known: no events" {
		t.Errorf("without events: %q", p.openedBy(100))
	}
	if p.history.samples[0].newRate = 0; p.openedBy(100) != "" {
		t.Errorf("of nothing: %q", p.openedBy(100))
	}
}

// A pair has its state, and its partner and lag when they are known.
func TestPairFacts(t *testing.T) {
	for i, c := range []struct {
		pair flow.Pair
		want int
	}{{flow.Pair{}, 0}, {flow.Pair{State: flow.PairAlone}, 1}, {flow.Pair{State: flow.PairAway, Partner: "b"}, 2}, {flow.Pair{State: flow.PairInSync, Partner: "b", Lag: 1}, 3}} {
		if got := pairFacts(c.pair); len(got) != c.want {
			t.Errorf("%d: it has %q", i, got)
		}
	}
}

// The counters of a wire are those of its two interfaces, both of which must be there. Those of
// watched ones are their own.
func TestVolumesOf(t *testing.T) {
	wire := func(a, b int) []flow.Interface {
		return []flow.Interface{{Index: a, ReceivedBytes: 5}, {Index: b, ReceivedBytes: 7}}
	}
	watch := func(index int, role flow.Role) flow.Interface {
		return flow.Interface{Index: index, Role: role, Out: flow.Volume{Bytes: 3}, In: flow.Volume{Bytes: 4}}
	}
	for i, c := range []struct {
		list []flow.Interface
		want map[int]volumes
	}{
		{wire(1, 2), map[int]volumes{1: {5, 7}}},
		{wire(0, 2), nil},
		{wire(1, 0), nil},
		{wire(1, 2)[:1], nil},
		{[]flow.Interface{watch(1, flow.RoleWatch), watch(2, flow.RoleWatch)}, map[int]volumes{1: {3, 4}, 2: {3, 4}}},
		{[]flow.Interface{watch(0, flow.RoleWatch), watch(2, flow.RoleWire), watch(3, flow.RoleWatch)}, map[int]volumes{3: {3, 4}}},
	} {
		got := volumesOf(&flow.Snapshot{Interfaces: c.list})
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

// One of anything that should not happen is said.
func TestOneIsSaid(t *testing.T) {
	_, p := newPage(fake.Flows(1)...)
	s := fake.Snapshot(fake.Start, nil)
	s.Counters.EventsLost, s.Counters.TableFull, s.Counters.TableBusy = 1, 1, 1
	s.Counters.DroppedBy[flow.DropTooLong], s.Counters.DroppedBy[flow.DropOutput] = 1, 1
	p.count.Snapshot, p.missed = s, 1
	p.count.Flows = 1
	var texts []string
	for _, one := range p.wrong() {
		texts = append(texts, one.what)
	}
	texts = append(append(texts, p.table()...), p.tracker()...)
	all := strings.Join(texts, "\n")
	for _, want := range []string{"lost 1 event", "no room for 1 flow", "1 packet too long", "1 packet not taken", "place in use    1", "not shown here  1"} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
	p.filling.Net.Flows, p.filling.Port.Flows = 1, 1
	if got := strings.Join(p.why(), "\n"); !strings.Contains(got, "most flows from") || !strings.Contains(got, "most to port") {
		t.Errorf("it does not say what fills the table:\n%s", got)
	}
}

// A table that grows is full in as long as its room lasts, one that does not is never.
func TestTimeToFull(t *testing.T) {
	for i, c := range []struct {
		room, grown int
		want        string
	}{
		{0, 10, "it is full"},
		{1, 10, "0s at +10 flows/s"},
		{1200, 10, "2m00s at +10 flows/s"},
		{1_000_000, 10, "1d03h at +10 flows/s"},
		{1200, 0, "not growing"},
		{1200, -1, "not growing"},
		{30 * 24 * 3600, 1, "30d at +1 flows/s"},
		{30*24*3600 + 1, 1, "more than a month"},
	} {
		_, p := newPage(fake.Flows(1)...)
		s := fake.Snapshot(fake.Start, nil)
		s.MaxFlows = c.room + 5
		p.count.Snapshot, p.count.Flows = s, 5
		p.history = History{samples: []sample{{at: fake.Start, flows: 100}, {at: fake.Start.Add(time.Second), flows: float64(100 + c.grown)}}, total: 2}
		if got := strings.Join(strings.Fields(p.timeToFull()), " "); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

// The higher the screen, the more interfaces have charts, and the rest is counted.
func TestChartsOfInterfaces(t *testing.T) {
	for height, want := range map[int]int{tallCharts - 11: 1, tallCharts - 10: 2, tallCharts - 1: 2, tallCharts: 4} {
		f, p := newPage(fake.Flows(1)...)
		for i := range 5 {
			s := watching(i+1, 5)
			f.Now, f.Latest, f.Shown = s.Time, s, s
			f.Send(page.SnapshotTaken{})
		}
		f.Send(page.ShownChanged{})
		p.SetSize(100, height)
		var names []string
		for _, line := range p.wayCharts(20) {
			if strings.Contains(line, "→") {
				names = append(names, strings.Fields(line)[0])
			}
		}
		if len(names) != want || !slices.IsSorted(names) || names[0] != "eth0" {
			t.Errorf("%d high: charts of %q, want %d", height, names, want)
		}
	}
	h := History{samples: []sample{{ways: []way{{7, 1, 0}, {3, 2, 0}, {5, 3, 0}}}}, total: 1}
	if list, more := h.busiest(2); !slices.Equal(list, []int{3, 5}) || more != 1 {
		t.Errorf("the busiest are %d, and %d more", list, more)
	}
}
