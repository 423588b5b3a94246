package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

func newLog(width int, o Options) (*fake.Frame, *Page) {
	f := fake.NewFrame(fake.Flows(10)...)
	f.Width = width
	p := New(f.Frame, acting.New(f.Frame, acting.Options{}), o)
	f.Log = p
	f.With(p)
	return f, p
}

// of returns events of flows by their numbers.
func of(kind flow.EventType, ids ...int) (list []flow.Event) {
	for _, id := range ids {
		list = append(list, flow.Event{
			ID: flow.ID(id), Type: kind, Time: fake.Start.Add(time.Duration(id) * time.Second), Tuple: fake.Flow(id).Tuple, To: flow.StateEstablished,
			Origin: flow.Half{Bytes: 600}, Reply: flow.Half{Bytes: 400}, Age: 90 * time.Second,
		})
	}
	return list
}

func (p *Page) take(list ...flow.Event) { p.append(list) }

// Each kind of line has its style.
func TestStyles(t *testing.T) {
	f, p := newLog(100, Options{})
	f.Theme = theme.New(termenv.ANSI, false, false)
	for want, e := range map[theme.Style]entry{
		f.Theme.Notice:  {notice: "x", Event: flow.Event{Type: flow.EventNew, To: flow.StateSynSent}},
		f.Theme.Alert:   {Event: flow.Event{Type: flow.EventLost}},
		f.Theme.Dim:     {Event: flow.Event{Type: flow.EventDestroy}},
		f.Theme.Opening: {Event: flow.Event{Type: flow.EventNew, To: flow.StateSynSent}},
		f.Theme.Closing: {Event: flow.Event{Type: flow.EventUpdate, To: flow.StateFinWait2}},
		{}:              {Event: flow.Event{Type: flow.EventUpdate, To: flow.StateEstablished}},
	} {
		if want == f.Theme.Dim && e.Type == flow.EventUpdate { // closing looks like it
			continue
		}
		if got := p.style(&e); got != want {
			t.Errorf("%v has another style: %+v", e, got)
		}
	}
}

// What an event is sorted by counts both directions of flows that have ended, and nothing of
// others.
func TestVolumesOfEvents(t *testing.T) {
	end, begin := entry{Event: of(flow.EventDestroy, 1)[0]}, entry{Event: of(flow.EventNew, 1)[0]}
	if volume(&end) != 1000 || volume(&begin) != 0 {
		t.Errorf("%d and %d bytes", volume(&end), volume(&begin))
	}
	_, p := newLog(100, Options{})
	recovered := end
	recovered.Recovered = true
	for i, c := range []struct {
		by   sorting
		e    entry
		want string
	}{
		{byTime, end, ""}, {byBytes, end, "1.0 k"}, {byAge, end, "1m30s"}, {byBytes, begin, format.Inapplicable}, {byAge, begin, format.Inapplicable}, {byBytes, recovered, format.Inapplicable}, {byAge, recovered, format.Inapplicable},
	} {
		p.by = c.by
		if got := strings.TrimSpace(p.amount(&c.e.Event)); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}

// Columns come with the width, to the cell.
func TestWidthsOfColumns(t *testing.T) {
	for _, c := range []struct {
		width        int
		by           sorting
		kind, sender bool
		time         string
	}{
		{typed - 1, byTime, false, false, "15:04:05"},
		{typed, byTime, true, false, "15:04:05"},
		{fineTime - 1, byTime, true, false, "15:04:05"},
		{fineTime, byTime, true, false, "15:04:05.000"},
		{everything - 1, byTime, true, false, "15:04:05.000"},
		{everything, byTime, true, true, "15:04:05.000"},
		{typed, byBytes, false, false, "15:04:05"},
		{fineTime - 1, byBytes, false, false, "15:04:05"},
		{fineTime, byBytes, true, false, "15:04:05.000"},
	} {
		_, p := newLog(c.width, Options{})
		p.by = c.by
		e := of(flow.EventDestroy, 3)[0]
		titles := p.titles()
		if strings.Contains(titles, "EVENT") != c.kind || strings.Contains(titles, "FROM") != c.sender || p.timeText(&e) != e.Time.Format(c.time) || p.timeWidth() != len(c.time) {
			t.Errorf("%d wide, by %s: %q, %q", c.width, c.by, titles, p.timeText(&e))
		}
		for _, line := range []string{p.row(&entry{Event: e}, false), p.row(&entry{Event: e}, true)} {
			if n := len([]rune(line)); n > c.width {
				t.Errorf("%d wide, by %s: a line has %d columns: %q", c.width, c.by, n, line)
			}
		}
	}
	for width, want := range map[int]string{hosted - 1: "", hosted: "edge-1        "} {
		_, p := newLog(width, Options{Fleet: true})
		if got := p.host("edge-1"); got != want {
			t.Errorf("%d wide: the host is %q", width, got)
		}
		if p.only = true; p.host("edge-1") != "" {
			t.Error("an act has a host")
		}
	}
	if _, p := newLog(200, Options{}); p.host("edge-1") != "" {
		t.Error("without a fleet there is a host")
	}
}

// A tuple that just fits is whole, and what happened is told behind it where there is room.
func TestTuplesThatFit(t *testing.T) {
	_, p := newLog(130, Options{})
	e := of(flow.EventDestroy, 3)[0]
	e.Tuple.Src = flow.MustParseEnd("[2001:db8:85a3:1::8a2e:370:7334]:51514")
	e.Tuple.Dst = flow.MustParseEnd("[2001:db8:1234:5678:9abc:def0:1234:5678]:443")
	whole := flowText(&e)
	size := format.Width(whole)
	for room, want := range map[int]bool{size: true, size - 1: false} {
		p.width += room - p.room()
		if got := p.tuple(&e); (got == whole) != want || len([]rune(got)) > room {
			t.Errorf("in %d columns: %q", room, got)
		}
	}
	const rest = "  after 1m30s, 1.0 kB"
	for room, want := range map[int]string{len(rest): rest, len(rest) - 1: ""} {
		if got := p.rest(&e, room); got != want {
			t.Errorf("in %d columns: %q, want %q", room, got, want)
		}
	}
	if a := p.Aside(); a.Narrow || a.Widest != 0 {
		t.Errorf("%+v", a)
	}
	p.take(e)
	p.width += size - p.room()
	if a := p.Aside(); a.Narrow || a.Widest != size {
		t.Errorf("%+v", a)
	}
	if p.width--; !p.Aside().Narrow {
		t.Error("there is no room")
	}
}

// What is held back while the page is frozen is bounded, and is shown once.
func TestHeldBack(t *testing.T) {
	_, p := newLog(100, Options{})
	p.freeze(true)
	many := slices.Repeat(of(flow.EventNew, 1), Limit)
	p.take(many...)
	p.take(many[:slack]...)
	if len(p.held) != Limit+slack {
		t.Errorf("%d events are held back", len(p.held))
	}
	p.take(of(flow.EventNew, 2)...)
	if len(p.held) != Limit || p.held[Limit-1].ID != 2 {
		t.Errorf("%d events are held back", len(p.held))
	}
	p.freeze(false)
	p.freeze(true)
	if p.freeze(false); len(p.log) != Limit || len(p.held) != 0 {
		t.Errorf("%d events are shown", len(p.log))
	}
}

// Parts are equal, and those that need less leave the rest to the others.
func TestShare(t *testing.T) {
	for i, c := range []struct {
		counts map[string]int
		want   int
	}{
		{map[string]int{"a": 200}, 100},
		{map[string]int{"a": 10, "b": 200}, 90},
		{map[string]int{"a": 200, "b": 200}, 50},
		{map[string]int{"a": 30, "b": 10, "c": 200}, 60},
		{map[string]int{"a": 34, "b": 34, "c": 34}, 33},
		{map[string]int{"a": 40, "b": 20, "c": 45}, 40},
	} {
		if got := share(c.counts, 100); got != c.want {
			t.Errorf("%d: each may have %d, want %d", i, got, c.want)
		}
	}
	if got := share(map[string]int{"a": 50, "b": 50}, 100); got < 50 {
		t.Errorf("where there is room for all, each may have %d", got)
	}
	var log []entry
	for i, host := range []string{"a", "b", "a", "a", "c", "a"} {
		log = append(log, entry{Event: flow.Event{Host: host, ID: flow.ID(i)}})
	}
	kept, gone := fair(log, 4)
	if len(kept) != 4 || !slices.Equal(gone, []int{0, 2}) || before(gone, 0) != 0 || before(gone, 1) != 1 || before(gone, 2) != 1 || before(gone, 3) != 2 {
		t.Errorf("%d are kept, without %d", len(kept), gone)
	}
}

// When the oldest go, the cursor and what is above it stay where they are.
func TestCutKeepsWhatIsVisible(t *testing.T) {
	f, p := newLog(100, Options{})
	var ids []int
	for i := range Limit + slack {
		ids = append(ids, i%9+1)
	}
	p.take(of(flow.EventNew, ids...)...)
	p.Move(-100)
	lines := p.Lines()
	before := p.chosen
	p.take(of(flow.EventNew, 5)...)
	if now := p.Lines(); !slices.Equal(now, lines) || p.chosen != before-slack-1 || len(p.log) != Limit {
		t.Errorf("the cursor was on %d, and is on %d", before, p.chosen)
	}
	udp, err := filter.Parse("proto:udp")
	if err != nil {
		t.Fatal(err)
	}
	f.Run(f.SetFilter(udp))
	if at := p.selected(); at == nil || at.Tuple.Proto != flow.ProtocolUDP || p.chosen != before-slack-1 {
		t.Errorf("with a filter the cursor is on %+v, chosen is %d", at, p.chosen)
	}
	p.Top()
	for range 2 {
		if p.cut(); p.window.Cursor != 0 || p.window.Offset != 0 {
			t.Errorf("at the top the cursor is on %d, from %d", p.window.Cursor, p.window.Offset)
		}
	}
}

// The keys of orders are taken, and the cursor moves to the beginning of the order: from there
// on new events are followed in the log alone.
func TestOrdersAndTheCursor(t *testing.T) {
	f, p := newLog(100, Options{})
	p.take(of(flow.EventDestroy, 1, 2, 3, 4, 5, 6, 7, 8, 9)...)
	for _, c := range []struct {
		key    string
		follow bool
		at     flow.ID
	}{{"s", false, 9}, {"S", false, 1}, {"s", false, 9}, {"s", true, 9}, {"S", false, 9}, {"a", false, 0}, {"a", false, 9}} {
		if !f.Press(c.key) {
			t.Errorf("%s means nothing", c.key)
		}
		var at flow.ID
		if e := p.selected(); e != nil {
			at = e.ID
		}
		if p.follow != c.follow || at != c.at {
			t.Errorf("after %s the cursor is on %d, and it follows: %t", c.key, at, p.follow)
		}
	}
	for _, move := range []func(){p.Bottom, func() { p.Page(-1) }, p.Top, func() { p.Page(1) }, func() { p.Move(1) }} {
		move()
		if e := p.selected(); e == nil || p.log[p.chosen].ID != e.ID {
			t.Errorf("the cursor is on %+v, chosen is %d", e, p.chosen)
		}
	}
	if p.place(99) != 0 {
		t.Errorf("what is not shown is at %d", p.place(99))
	}
}

// The title goes where there are fewer than three lines, and clicks move with it.
func TestTitleLine(t *testing.T) {
	for height, titled := range map[int]bool{4: true, 3: true, 2: false} {
		_, p := newLog(100, Options{})
		p.take(of(flow.EventNew, 1, 2, 3, 4, 5)...)
		p.SetSize(100, height)
		p.Top()
		if got := strings.Contains(p.Lines()[0], "TIME"); got != titled || len(p.Lines()) != height {
			t.Errorf("%d lines: %q", height, p.Lines())
		}
		if p.Click(5, height-1); p.window.Cursor != p.bodyHeight()-1 {
			t.Errorf("%d lines: a click moves to %d", height, p.window.Cursor)
		}
	}
}

// So many notices are kept, whatever comes.
func TestNoticesAreBounded(t *testing.T) {
	_, p := newLog(100, Options{})
	for i := range mostNotices + 1 {
		p.note([]page.Notice{{Time: fake.Start, Text: fmt.Sprint(i)}})
		if n := len(p.notices); n != min(i+1, mostNotices) || p.notices[n-1].notice != fmt.Sprint(i) {
			t.Fatalf("%d notices are kept", n)
		}
	}
	if p.notices[0].notice != "1" {
		t.Errorf("the first is %q", p.notices[0].notice)
	}
}

// Who opened flows is told of events of flows that began, of as long ago as is shown.
func TestOpenedSources(t *testing.T) {
	f, p := newLog(100, Options{})
	p.take(append(of(flow.EventNew, 1, 3), of(flow.EventUpdate, 2)...)...)
	p.note([]page.Notice{{Time: fake.Start.Add(time.Hour), Text: "x"}})
	if got := p.Opened(fake.Start); len(got) != 0 {
		t.Errorf("before they began: %v", got) // they are a minute and a half old
	}
	if got := p.Opened(fake.Start.Add(-89 * time.Second)); len(got) != 2 {
		t.Errorf("since they began: %v", got)
	}
	if got := p.Opened(fake.Start.Add(-88 * time.Second)); len(got) != 1 {
		t.Errorf("since the second began: %v", got)
	}
	f.Past, f.PausedAt = true, fake.Start.Add(2*time.Second)
	p.showUntil()
	if got := p.Opened(fake.Start.Add(-89 * time.Second)); len(got) != 1 || len(p.Of(3)) != 0 || len(p.Of(1)) != 1 {
		t.Errorf("in the past: %v", got)
	}
}

// The names of hosts matter to a filter that has some, and to no other.
func TestNewNames(t *testing.T) {
	f, p := newLog(100, Options{})
	p.take(of(flow.EventNew, 1, 2)...)
	for text, again := range map[string]bool{"~example": true, "tcp": false} {
		parsed, err := f.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		f.Run(f.SetFilter(parsed))
		p.filter = filter.Filter{}
		if p.Update(page.NamesChanged{}); p.filter.Empty() == again {
			t.Errorf("%s: with other names it is applied again: %t", text, !again)
		}
	}
	if f.Present = []string{"ann"}; p.Facts()[0] != "on: ann" {
		t.Errorf("the facts are %q", p.Facts())
	}
	parsed, err := f.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	_, empty := newLog(100, Options{})
	empty.filter = parsed
	if empty.emptiness() != "nothing has happened yet" {
		t.Errorf("an empty log says %q", empty.emptiness())
	}
	empty.take(of(flow.EventNew, 1)...)
	if got := empty.emptiness(); got != "none of 1 event passes the filter; Esc clears it" {
		t.Errorf("a log of one says %q", got)
	}
}
