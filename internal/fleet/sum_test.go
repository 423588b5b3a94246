package fleet

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// groupings returns every way of grouping.
func groupings() (list []order.Grouping) {
	for g := order.BySource; ; {
		list = append(list, g)
		if g = g.Next(1); g == order.BySource {
			return list
		}
	}
}

// Groups survive the way there, by every grouping, and so does what is asked for.
func TestGroupsRoundTrip(t *testing.T) {
	s := randomSnapshot(500)
	for _, by := range groupings() {
		r := order.GroupRequest{Grouping: by, Nets: order.DefaultNets, By: order.GroupBy{Sort: order.GroupBytes, Desc: true, Packets: true}}
		view := NewGroupView(r, 2000, []order.GroupKey{{Text: "x"}, {Net: netip.MustParsePrefix("10.0.0.0/24"), Number: 3}})
		w, err := DecodeWatch(Watch{Kind: WatchGroups, View: View{Filter: "tcp"}, Groups: view}.Encode())
		if err != nil || !reflect.DeepEqual(w.Groups, view) || w.Name() == (Watch{Kind: WatchGroups, Groups: view}).Name() {
			t.Fatalf("%v: %+v", err, w.Groups)
		}
		got, also, err := w.Groups.Request(w.Filter)
		if err != nil || got.Grouping != by || got.Nets != r.Nets || got.By != r.By || got.Filter.String() != "tcp" || len(also) != 2 || view.Most != fewestGroups {
			t.Errorf("%v: %+v, %+v", err, got, also)
		}
		r.Snapshot = s
		for i := range s.Flows {
			s.Flows[i].Origin.Bytes %= 1 << 40
			s.Flows[i].Origin.Packets %= 1 << 40
		}
		want := order.FirstGroups(r, 20, nil)
		message, err := EncodeGroups(want)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeGroups(message, by)
		if err != nil || !reflect.DeepEqual(back, want) {
			t.Errorf("by %s: %v: %+v, not %+v", by, err, back, want)
		}
	}
}

// Groups with what no host has are refused.
func TestHostileGroups(t *testing.T) {
	good := func() groups {
		key := GroupKey{Net: netip.MustParsePrefix("10.0.0.1/32")}
		return groups{V: 1, All: 1, Top: []group{{GroupKey: key, Flows: 1}}}
	}
	send := func(m groups, by order.Grouping) error {
		plain, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeGroups(deflate(t, plain), by)
		return err
	}
	if err := send(good(), order.BySource); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(m *groups){
		"another version":      func(m *groups) { m.V = 2 },
		"too many":             func(m *groups) { m.Top = make([]group, mostGroups+MaxAsked+1); m.All = 1000 },
		"fewer than it names":  func(m *groups) { m.All = 0 },
		"endlessly many":       func(m *groups) { m.All = maxFlows + 1 },
		"a negative number":    func(m *groups) { m.Top[0].Flows = -1 },
		"a negative rate":      func(m *groups) { m.Top[0].Rates[3] = -1 },
		"a huge counter":       func(m *groups) { m.Top[0].Volumes[1] = maxAmount + 1 },
		"a huge rate":          func(m *groups) { m.Top[0].Rates[1] = 1e300 },
		"a huge sum":           func(m *groups) { m.Sum.Volumes[0] = maxAmount + 1 },
		"a negative bound":     func(m *groups) { m.Left[0][2] = -1 },
		"a huge bound":         func(m *groups) { m.Left[1][3] = 1e300 },
		"no address":           func(m *groups) { m.Top[0].Net = netip.Prefix{} },
		"a network":            func(m *groups) { m.Top[0].Net = netip.MustParsePrefix("10.0.0.0/8") },
		"a pair":               func(m *groups) { m.Top[0].Peer = netip.MustParseAddr("10.0.0.2") },
		"an address with more": func(m *groups) { m.Top[0].Text = "x" },
		"the same one twice":   func(m *groups) { m.Top = append(m.Top, m.Top[0]); m.All = 2 },
		"an endless text":      func(m *groups) { m.Top[0].Text = strings.Repeat("x", maxName+1) },
	} {
		m := good()
		change(&m)
		if send(m, order.BySource) == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	for _, by := range groupings() {
		if by != order.BySource && by != order.ByDestination && by != order.ByHost && by != order.BySourceNet && by != order.ByDestinationNet && send(good(), by) == nil {
			t.Errorf("an address by %s: accepted", by)
		}
	}
}

// Summaries survive the way there, and their sums are those of all flows.
func TestSummaryRoundTrip(t *testing.T) {
	s := randomSnapshot(300)
	s.Timeouts, s.Policy, s.Uptime, s.MaxFlows = flow.DefaultTimeouts(), flow.PolicyEnforce, time.Hour, 1000
	s.Counters = flow.Counters{Packets: 5, DroppedBy: [len(flow.Counters{}.DroppedBy)]uint64{1, 2}}
	s.Warnings = flow.Warnings{{Detail: "something is \x1b wrong"}}
	s.Alerts = []flow.Alert{{Name: "ddos"}}
	want := order.Summarize(s)
	text, err := EncodeSummary(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeSummary(text)
	want.Warnings, want.Worst = []string{"something is · wrong"}, cut(want.Worst)
	if err != nil || !reflect.DeepEqual(got, want) || want.Flows != 300 || len(text) > 4<<10 {
		t.Errorf("%v: %d bytes: %+v, not %+v", err, len(text), got, want)
	}
	if sum := got.Plus(&got); sum.Flows != 600 || sum.ByState[flow.StateEstablished] != 600 || sum.Counters.DroppedBy[1] != 4 || sum.MaxFlows != 2000 {
		t.Errorf("%+v", sum)
	}
	for what, change := range map[string]func(s *order.Summary){
		"negative flows":        func(s *order.Summary) { s.Flows = -1 },
		"a negative state":      func(s *order.Summary) { s.ByState[1] = -1 },
		"endlessly many sick":   func(s *order.Summary) { s.Sick[2] = maxFlows + 1 },
		"a negative timeout":    func(s *order.Summary) { s.Timeouts[0] = -1 },
		"an endless timeout":    func(s *order.Summary) { s.Timeouts[0] = flow.MaxTimeout + 1 },
		"a huge rate":           func(s *order.Summary) { s.BPS = 1e300 },
		"a huge counter":        func(s *order.Summary) { s.Counters.DroppedBy[1] = 1 << 63 },
		"a policy":              func(s *order.Summary) { s.Policy = 9 },
		"a negative uptime":     func(s *order.Summary) { s.Uptime = -1 },
		"more text than it may": func(s *order.Summary) { s.Worst = strings.Repeat("x", maxSummary) },
	} {
		bad := order.Summarize(s)
		change(&bad)
		text, err := json.Marshal(summary{summaryVersion, bad})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSummary(text); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// FuzzSums reads any bytes, compressed or as they are, as groups by some grouping and as a
// summary. Nothing that is accepted is beyond its limits, and sums of it are numbers.
func FuzzSums(f *testing.F) {
	s := randomSnapshot(20)
	for i := range s.Flows {
		s.Flows[i].Origin.Bytes, s.Flows[i].Origin.Packets = uint64(rand.Uint32()), uint64(rand.Uint32())
	}
	for i, by := range groupings() {
		message, err := EncodeGroups(order.FirstGroups(order.GroupRequest{Snapshot: s, Grouping: by}, 5, nil))
		if err != nil {
			f.Fatal(err)
		}
		plain, err := inflate(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), plain)
	}
	text, err := EncodeSummary(order.Summarize(s))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), text)
	f.Add(uint8(3), []byte(`{"v":1,"all":1,"top":[{"net":"10.0.0.1/32","peer":"fe80::1%x","f":-1}]}`))
	f.Fuzz(func(t *testing.T, number uint8, text []byte) {
		all := groupings()
		by := all[int(number)%len(all)]
		for _, message := range [][]byte{text, deflate(t, text)} {
			p, err := DecodeGroups(message, by)
			if err != nil {
				continue
			}
			g := order.Together(order.GroupRequest{Grouping: by}, []order.Part{p, p, p}, nil)
			for i := range g.Top {
				one := &g.Top[i]
				if one.Flows < 0 || by.Name(one.Key, nil) == "" || by.Term(one.Key, nil) == "" || g.By.Value(one) < 0 {
					t.Errorf("%+v", one)
				}
			}
		}
		if s, err := DecodeSummary(text); err == nil {
			sum := s.Plus(&s)
			if sum.Flows < 0 || sum.AllSick() < 0 || sum.BPS < 0 || len(s.Warnings) > maxLines {
				t.Errorf("%+v", s)
			}
		}
	})
}
