package table

import (
	"slices"
	"testing"

	"ctop/tracker/flow"
)

func shown(places []place) []columnID {
	var ids []columnID
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return ids
}

var (
	total, age            = named("bytes"), named("age")
	outPackets, inPackets = named("out_packets"), named("in_packets")
	outBytes, inBytes     = named("out_bytes"), named("in_bytes")
	idle, rtt, retr       = named("idle"), named("rtt"), named("retransmits")
	id                    = named("id")
)

var (
	ipv4 = widths{proto: 4, origin: 21, reply: 21}
	ipv6 = widths{proto: 6, origin: 47, reply: 47}
)

// TestGivingWay holds the order in which columns are given up.
func TestGivingWay(t *testing.T) {
	for _, c := range []struct {
		width int
		want  []columnID
	}{
		{200, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, spark, total, age, idle, rtt, retr, outPackets, inPackets, outBytes, inBytes}},
		{182, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, spark, total, age, idle, rtt, retr, outPackets, inPackets}},
		{150, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, spark, total, age, idle, rtt, retr}},
		{140, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, spark, total, age, rtt, retr}},
		{139, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total, age, idle, rtt, retr}},
		{125, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total, age, rtt}},
		{118, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total, age}},
		{110, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in, total}},
		{99, []columnID{proto, origin, arrow, reply, state, ttl, bar, out, in}},
		{90, []columnID{proto, origin, arrow, reply, state, ttl, out, in}},
		{80, []columnID{proto, origin, arrow, reply, state, ttl, rate}},
		{78, []columnID{proto, origin, reply, state, ttl, rate}},
		{74, []columnID{proto, origin, reply, state, ttl}},
		{64, []columnID{proto, origin, reply, state}},
		{56, []columnID{proto, origin, reply}},
	} {
		if got := shown(arrangeColumns(c.width, ipv4, columnSet{shown: standard(false, false)})); !slices.Equal(got, c.want) {
			t.Errorf("at %d: %v, want %v", c.width, got, c.want)
		}
	}
}

// The host of a flow stands beside long addresses on a usual terminal: of 10.0.0.1:5201 only
// the host says which one it is.
func TestHostAtEightyColumns(t *testing.T) {
	for _, ends := range []widths{ipv4, ipv6, {6, 21, 17}} {
		set := columnSet{shown: standard(true, true)}
		set.kept.set(rate, true)
		want := []columnID{proto, origin, reply, state, rate, on}
		if got := shown(arrangeColumns(80, ends, set)); !slices.Equal(got, want) {
			t.Errorf("ends of %d and %d cells: %v, want %v", ends.origin, ends.reply, got, want)
		}
		set.shown = standard(false, false)
		if got := shown(arrangeColumns(80, ends, set)); !slices.Contains(got, ttl) {
			t.Errorf("ends of %d and %d cells, of one host: %v, no TTL", ends.origin, ends.reply, got)
		}
	}
}

func TestAddressesGetWhatTheyNeedFirst(t *testing.T) {
	for width := 52; width < 250; width++ {
		for _, want := range []widths{ipv4, ipv6, {5, 12, 40}} {
			places := arrangeColumns(width, want, columnSet{shown: standard(false, false)})
			for _, p := range places {
				if p.x+p.width > width {
					t.Fatalf("at %d column %d ends at %d", width, p.id, p.x+p.width)
				}
				least := map[columnID]int{origin: min(want.origin, ipv4End), reply: min(want.reply, ipv4End)}[p.id]
				if p.width < least {
					t.Fatalf("at %d column %d has %d cells of %d", width, p.id, p.width, least)
				}
			}
		}
	}
	if places := arrangeColumns(200, ipv6, columnSet{shown: standard(false, false)}); places[1].width < 47 {
		t.Errorf("at 200 an IPv6 address has %d cells", places[1].width)
	}
}

// The addresses share what the columns leave: all they need and some more, or the longer
// one gives way.
func TestFitEnds(t *testing.T) {
	var shown selection
	for _, id := range []columnID{proto, origin, arrow, reply} {
		shown.set(id, true)
	}
	fixed := lineWidth(shown, widths{proto: 4}, 1)
	for _, c := range []struct{ room, origin, reply, wantOrigin, wantReply int }{
		{100, 21, 21, roomyEnd, roomyEnd},
		{42, 21, 21, 21, 21},
		{44, 21, 21, 22, 22},
		{45, 21, 21, 22, 22},
		{40, 21, 21, 20, 20},
		{40, 30, 10, 30, 10},
		{40, 10, 50, 10, 30},
		{40, 50, 10, 30, 10},
		{41, 50, 50, 20, 21},
		{0, 21, 21, 0, 0},
	} {
		got := fitEnds(fixed+c.room, shown, widths{proto: 4, origin: c.origin, reply: c.reply})
		if got.origin != c.wantOrigin || got.reply != c.wantReply || got.proto != 4 {
			t.Errorf("%d and %d in %d: %+v, not %d and %d", c.origin, c.reply, c.room, got, c.wantOrigin, c.wantReply)
		}
	}
	if got := fitEnds(fixed-5, shown, ipv4); got.origin != 0 || got.reply != 0 {
		t.Errorf("without room: %+v", got)
	}
}

// The width of a line is that of its columns, with a gap between them and none at the
// end; the arrow and the countdown stand closer.
func TestLineWidth(t *testing.T) {
	var shown selection
	if got := lineWidth(shown, widths{}, 3); got != gutter {
		t.Errorf("nothing is %d wide", got)
	}
	for _, c := range []struct {
		id   columnID
		want int
	}{
		{proto, gutter + 6},
		{origin, gutter + 6 + 3 + 47},
		{arrow, gutter + 6 + 3 + 47 + 3 + columns[arrow].width},
		{reply, gutter + 6 + 3 + 47 + 3 + columns[arrow].width + 1 + 47},
		{state, gutter + 6 + 3 + 47 + 3 + columns[arrow].width + 1 + 47 + 3 + columns[state].width},
		{ttl, gutter + 6 + 3 + 47 + 3 + columns[arrow].width + 1 + 47 + 3 + columns[state].width + 3 + columns[ttl].width},
		{bar, gutter + 6 + 3 + 47 + 3 + columns[arrow].width + 1 + 47 + 3 + columns[state].width + 3 + columns[ttl].width + 1 + columns[bar].width},
	} {
		shown.set(c.id, true)
		if got := lineWidth(shown, ipv6, 3); got != c.want {
			t.Errorf("up to column %d: %d, not %d", c.id, got, c.want)
		}
	}
}

// TestKeeping has the columns that stay where others give way: the one that the rows are
// sorted by, and then those that the operator asked for.
func TestKeeping(t *testing.T) {
	asked := func(more ...columnID) (c columnSet) {
		c.shown = standard(false, false)
		for _, id := range more {
			c.asked.set(id, true)
		}
		c.shown |= c.asked
		return c
	}
	sorted := func(c columnSet, by columnID) columnSet {
		c.kept.set(by, true)
		return c
	}
	for _, c := range []struct {
		name  string
		width int
		set   columnSet
		want  []columnID
	}{
		{"an id is asked for", 80, asked(id), []columnID{proto, origin, reply, state, id}},
		{"an id and packets are asked for", 80, asked(id, outPackets), []columnID{proto, origin, reply, outPackets, id}},
		{"what is asked for has no room", 70, asked(id, outPackets), []columnID{proto, origin, reply, id}},
		{"the chart is asked for", 100, asked(spark), []columnID{proto, origin, arrow, reply, state, ttl, out, in, spark}},
		{"sorted by a column that is not wanted", 100, sorted(asked(), id), []columnID{proto, origin, arrow, reply, state, ttl, rate, id}},
		{"sorted by a column that would give way first", 80, sorted(asked(), inBytes), []columnID{proto, origin, reply, state, ttl, inBytes}},
		{"sorted by the origin's rate", 72, sorted(asked(), out), []columnID{proto, origin, reply, state, out}},
		{"sorted by the reply's rate", 72, sorted(asked(), in), []columnID{proto, origin, reply, state, in}},
		{"sorted by both rates", 90, sorted(asked(), rate), []columnID{proto, origin, arrow, reply, state, ttl, out, in}},
		{"sorted by both rates without room", 40, sorted(asked(), rate), []columnID{proto, origin, reply, rate}},
		{"sorted by what stands anyway", 56, sorted(asked(), origin), []columnID{proto, origin, reply}},
	} {
		if got := shown(arrangeColumns(c.width, ipv4, c.set)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Columns only grow, until addresses are written otherwise, as by their names.
func TestColumnsShrinkForOtherNames(t *testing.T) {
	m := shownTable(200, 10, 3)
	before := m.want
	long := rows(1)
	long[0].Tuple.Src = flow.MustParseEnd("[2001:db8:1:2:3:4:5:6]:40000")
	m.SetRows(long, 0, -1)
	grown := m.want
	m.SetRows(rows(3), 0, -1)
	if m.want != grown || grown.origin <= before.origin {
		t.Errorf("%+v, then %+v, then %+v", before, grown, m.want)
	}
	if m.Renamed(); m.want != before {
		t.Errorf("renamed: %+v, want %+v", m.want, before)
	}
}
