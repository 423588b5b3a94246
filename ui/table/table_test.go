package table

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/theme"
	"ctop/ui/trace"
)

func rows(n int) []*flow.Flow {
	var list []*flow.Flow
	for i := range n {
		list = append(list, &flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateEstablished, In: 1, Age: time.Minute, Idle: time.Second, Timeout: 100 * time.Second,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP,
				Src:   flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 40000), Dst: flow.MustParseEnd("10.0.0.99:443"),
			},
			Origin: flow.Half{Packets: 7, Bytes: 900, BPS: 8000, PPS: 3, Retransmits: 5}, Reply: flow.Half{Packets: 8, Bytes: 1000, BPS: 16000, PPS: 4},
		})
	}
	return list
}

// shownTable has some flows on a screen of a size.
func shownTable(width, height, flows int) *Model {
	m := New(theme.Theme{}, names.New(nil))
	s := &flow.Snapshot{Time: time.Unix(1, 0), Interfaces: []flow.Interface{{}, {Name: "veth-with-a-long-name"}}}
	m.SetSnapshot(s)
	traces := &trace.Traces{}
	traces.Note(s, rows(flows))
	m.SetBy(order.Expected(field.TotalRate))
	m.SetSize(width, height)
	m.SetTraces(traces)
	m.SetRows(rows(flows), 0, -1)
	return &m
}

func allNames() []string {
	var list []string
	for _, c := range Columns() {
		list = append(list, c.Name)
	}
	return list
}

// The columns are those of the registry, under its names, the bar and the chart.
func TestColumnsAreFields(t *testing.T) {
	want := "state ttl bar out_rate in_rate last bytes age idle rtt retransmits out_packets in_packets out_bytes in_bytes rate reordered if id"
	if got := strings.Join(allNames(), " "); !strings.HasPrefix(got, want) {
		t.Errorf("the columns are %s", got)
	}
	for _, c := range Columns() {
		if f, ok := field.Named(c.Name); ok != (c.Name != "bar" && c.Name != "last") || ok && f.Means != c.Means {
			t.Errorf("%s means %q", c.Name, c.Means)
		}
	}
	listed := 0
	for _, ids := range dropOrder {
		if slices.Contains(ids, columnID(-1)) {
			t.Error("a column that is not there gives way")
		}
		listed += len(ids)
	}
	if len(columns) > 64 || listed < len(columns)-3 {
		t.Errorf("%d columns, of which %d give way", len(columns), listed)
	}
}

// Settings of earlier releases have other spellings.
func TestChoose(t *testing.T) {
	m := shownTable(200, 10, 1)
	if m.Chosen() != nil || !m.Has("ttl") || !m.Has("idle") || m.Has("if") || m.Has("nothing") || !m.Has("proto") {
		t.Error("the standard columns are not wanted")
	}
	m.Choose([]string{"pkt-out", "iface", "retrans", "in", "nothing", "bar"})
	if got := strings.Join(m.Chosen(), " "); got != "bar in_rate retransmits out_packets if" {
		t.Errorf("chose %q", got)
	}
	if m.Has("ttl") || !m.Has("origin") {
		t.Error("the wrong columns are wanted")
	}
	m.Choose([]string{})
	if got := m.Chosen(); got == nil || len(got) > 0 {
		t.Errorf("chose %q", got)
	}
	m.Choose(nil)
	watched := func(names ...string) *flow.Snapshot {
		s := new(flow.Snapshot)
		for _, name := range names {
			s.Interfaces = append(s.Interfaces, flow.Interface{Name: name, Role: flow.RoleWatch})
		}
		return s
	}
	for _, c := range []struct {
		s   *flow.Snapshot
		has bool
	}{{watched("a"), false}, {watched("a", "b"), true}, {nil, true}, {&flow.Snapshot{Interfaces: make([]flow.Interface, 2)}, false}} {
		if m.SetSnapshot(c.s); m.Has("if") != c.has || m.Chosen() != nil {
			t.Errorf("%+v: the interface is shown: %t, chosen %v", c.s, m.Has("if"), m.Chosen())
		}
	}
	m.Choose([]string{"if"})
	m.SetSnapshot(watched("a"))
	if got := m.Chosen(); len(got) != 1 || got[0] != "if" {
		t.Errorf("the choice became %v", got)
	}
	m.Choose(nil)
	if m.Chosen() != nil {
		t.Error("the standard columns are not back")
	}
}

func TestLines(t *testing.T) {
	m := shownTable(250, 5, 2)
	m.Choose(allNames()[:19])
	lines := m.Lines()
	if got := strings.Fields(lines[0]); strings.Join(got, " ") != "PROTO ORIGIN REPLY STATE TTL → b/s ← b/s LAST 10 s TOTAL B AGE IDLE RTT RETR → PKTS ← PKTS → BYTES ← BYTES ⇄ b/s ▼ REORD IF ID" {
		t.Errorf("the titles are %q", got)
	}
	want := "▌!tcp 10.0.0.0:40000 → 10.0.0.99:443 ESTABLISHED 1:39 ━━━━━━━━ 8.0 k 16 k █ 1.9 k 1m00s 1s · 5 7 8 900 1.0 k 24 k 0 veth-wi… 0000000000000001"
	if got := strings.Join(strings.Fields(lines[1]), " "); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	m.SetUnit(format.Packets)
	m.SetSince(9 * time.Second)
	m.SetEnded(map[flow.ID]flow.Reason{2: flow.ReasonRST})
	m.SetMarked(map[flow.ID]flow.Ref{2: {}})
	if got := strings.Join(strings.Fields(m.Lines()[1]), " "); !strings.Contains(got, "1:30 ━━━━━━━ 3 4 █ 1.9 k 1m09s 10s · 5 7 8") {
		t.Error(got)
	}
	if got := strings.Join(strings.Fields(m.Lines()[2]), " "); !strings.HasPrefix(got, "●tcp 10.0.0.1:40000 → 10.0.0.99:443 ESTABLISHED rst 3 4") {
		t.Error(got)
	}
	m.SetSnapshot(nil)
	if got := m.Lines()[1]; !strings.Contains(got, " ?  ") {
		t.Errorf("%s names an interface", got)
	}
}

// Where the rate both ways has no column, its halves are marked, and it follows them.
func TestSortedTitles(t *testing.T) {
	m := shownTable(120, 10, 1)
	if titles := m.Lines()[0]; !strings.Contains(titles, "→ b/s ▼") || !strings.Contains(titles, "← b/s ▼") {
		t.Errorf("%s", titles)
	}
	keys := m.Keys()
	if at := slices.Index(keys, "in_rate"); at < 0 || keys[at+1] != "rate" || slices.Contains(keys, "") || slices.Contains(keys, "bar") {
		t.Errorf("the keys are %q", keys)
	}
	m.Choose([]string{"out_rate", "in_rate", "rate"})
	m.SetBy(order.By{Key: "rate"})
	if titles := m.Lines()[0]; strings.Contains(titles, "→ b/s ▲") || !strings.Contains(titles, "⇄ b/s ▲") {
		t.Errorf("%s", titles)
	}
	if n := len(m.Keys()); n != 6 {
		t.Errorf("%q", m.Keys())
	}
}

func TestClick(t *testing.T) {
	m := shownTable(120, 10, 5)
	titles := m.Lines()[0]
	for title, want := range map[string]string{"PROTO": "proto", "ORIGIN": "origin", "STATE": "state", "TTL": "ttl", "AGE": "age", "TOTAL": "bytes"} {
		at := format.Width(titles[:strings.Index(titles, title)])
		if key, hit := m.Click(at, 0); !hit || key != want {
			t.Errorf("a click on %s sorts by %q", title, key)
		}
	}
	if key, hit := m.Click(0, 0); hit {
		t.Errorf("a click beside the titles sorts by %q", key)
	}
	if _, hit := m.Click(5, 3); hit || m.Selected().ID != 3 {
		t.Errorf("flow %s is selected", m.Selected().ID)
	}
	m.Click(5, 9)
	if m.Selected().ID != 3 {
		t.Error("a click below the flows selects")
	}
	low := shownTable(120, 2, 5)
	if _, hit := low.Click(5, 0); hit || low.Selected().ID != 1 {
		t.Error("there are titles without room")
	}
}

// The cursor stays on its flow once it was moved there.
func TestCursor(t *testing.T) {
	m := shownTable(120, 10, 5)
	list := m.Rows()
	m.SetRows([]*flow.Flow{list[4], list[0]}, 1, 1)
	if m.Selected().ID != 5 {
		t.Error("the cursor did not stay at the top")
	}
	m.SetRows(list, 0, -1)
	m.Move(2)
	m.SetRows([]*flow.Flow{list[4], list[2], list[0]}, 3, 1)
	if m.Selected().ID != 3 {
		t.Errorf("the cursor is on %s", m.Selected().ID)
	}
	m.SetRows([]*flow.Flow{list[2], list[4], list[0]}, 99, 2)
	if m.Selected().ID != 3 {
		t.Errorf("the cursor is on %s", m.Selected().ID)
	}
	m.Bottom()
	if m.Selected().ID != 1 {
		t.Errorf("the bottom is %s", m.Selected().ID)
	}
	m.Top()
	if m.Selected().ID != 3 {
		t.Errorf("the top is %s", m.Selected().ID)
	}
	m.SetRows(nil, 0, -1)
	if m.Selected() != nil || m.Facts() != "" {
		t.Error("no row is selected")
	}
}

func TestFacts(t *testing.T) {
	m := shownTable(40, 10, 1)
	if got := m.Facts(); got != "ESTABLISHED 1:39  → 8.0 k  ← 16 k b/s" {
		t.Error(got)
	}
	if !m.Terse() || shownTable(120, 10, 1).Terse() {
		t.Error("the state is shown")
	}
	m.SetEnded(map[flow.ID]flow.Reason{1: flow.ReasonRST})
	if got := m.Facts(); got != "ESTABLISHED rst  → 8.0 k  ← 16 k b/s" {
		t.Error(got)
	}
	if narrow, widest := m.Narrow(); !narrow || widest != len("tcp"+"10.0.0.0:40000"+"10.0.0.99:443"+"  > ") {
		t.Errorf("%v %d", narrow, widest)
	}
	if narrow, _ := shownTable(46, 10, 1).Narrow(); narrow {
		t.Error("there is no room for addresses on 46 columns")
	}
}

// The mark stands apart from the title if there is room for both.
func TestTitleWithMark(t *testing.T) {
	for _, c := range []struct {
		width int
		desc  bool
		want  string
	}{{4, true, "←B ▼"}, {5, false, "←B ▲"}, {3, true, "←B▼"}, {2, true, "…▼"}, {1, true, "▼"}} {
		if got := titleWithMark("←B", order.By{Desc: c.desc}, c.width); got != c.want {
			t.Errorf("%d wide: %q, not %q", c.width, got, c.want)
		}
	}
}
