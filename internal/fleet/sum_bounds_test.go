package fleet

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// What is asked for by its groups is either complete or refused.
func TestGroupsThatCannotBe(t *testing.T) {
	good := GroupView{Grouping: order.BySource.String(), Most: 5}
	for _, b := range []struct {
		what   string
		change func(*GroupView)
		filter string
		valid  bool
	}{
		{"addresses", func(*GroupView) {}, "tcp", true},
		{"networks", func(v *GroupView) { v.Nets = order.DefaultNets }, "", true},
		{"unknown networks", func(v *GroupView) { v.Nets = order.DefaultNets; v.Nets.V4 = 77 }, "", false},
		{"an unknown grouping", func(v *GroupView) { v.Grouping = "color" }, "", false},
		{"no filter", func(*GroupView) {}, "tcp and and", false},
	} {
		v := good
		b.change(&v)
		if _, _, err := v.Request(b.filter); (err == nil) != b.valid {
			t.Errorf("%s: error %v", b.what, err)
		}
	}
	also := make([]order.GroupKey, MaxAsked+9)
	if v := NewGroupView(order.GroupRequest{}, 1, also); len(v.Asked) != MaxAsked {
		t.Errorf("asks for %d groups", len(v.Asked))
	}
}

// The more hosts, the fewer groups and events each of them sends.
func TestSharesOfHosts(t *testing.T) {
	for _, c := range []struct{ hosts, groups, events int }{
		{-1, mostGroups, mostEvents},
		{0, mostGroups, mostEvents},
		{1, mostGroups, mostEvents},
		{31, mostGroups, EventsPerSecond / 31},
		{63, 312, EventsPerSecond / 63},
		{64, 156, EventsPerSecond / 64},
		{127, 156, EventsPerSecond / 127},
		{128, 78, EventsPerSecond / 128},
		{256, fewestGroups, EventsPerSecond / 256},
		{MaxHosts, fewestGroups, fewestEvents},
	} {
		events := min(max(c.events, fewestEvents), mostEvents)
		if g, e := GroupsOfHost(c.hosts), EventBudget(c.hosts); g != c.groups || e != events {
			t.Errorf("%d hosts: %d groups and %d events, want %d and %d", c.hosts, g, e, c.groups, events)
		}
	}
}

// they were sent.
func TestBoundsOfGroups(t *testing.T) {
	one := func(i int) group {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		return group{GroupKey: GroupKey{Net: netip.PrefixFrom(a, 32)}, Flows: 1}
	}
	many := func(n int) (list []group) {
		for i := range n {
			list = append(list, one(i))
		}
		return list
	}
	var got order.Part
	checkBounds(t, func() groups { return groups{V: 1, All: 1, Top: many(1)} }, func(m groups) (err error) {
		got, err = DecodeGroups(deflate(t, marshal(t, m)), order.BySource)
		return err
	}, []bound[groups]{
		{"the most groups", func(m *groups) { m.All, m.Top = mostGroups+MaxAsked, many(mostGroups+MaxAsked) }, true},
		{"more groups", func(m *groups) { m.All, m.Top = mostGroups+MaxAsked+1, many(mostGroups+MaxAsked+1) }, false},
		{"all groups that can be", func(m *groups) { m.All = maxFlows }, true},
		{"all flows that can be", func(m *groups) { m.Top[0].Flows = maxFlows }, true},
		{"more flows", func(m *groups) { m.Top[0].Flows = maxFlows + 1 }, false},
		{"the largest counter", func(m *groups) { m.Top[0].Volumes[2] = maxAmount }, true},
		{"the largest rate", func(m *groups) { m.Top[0].Rates[2] = maxAmount }, true},
		{"a rate of nothing less", func(m *groups) { m.Sum.Rates[2] = -1 }, false},
		{"the largest bound", func(m *groups) { m.Left[1][1] = maxAmount }, true},
		{"a group twice", func(m *groups) { m.All, m.Top = 2, []group{one(1), one(1)} }, false},
		{"both directions", func(m *groups) {
			m.Sum = group{GroupKey: one(3).GroupKey, Volumes: [4]uint64{1, 2, 3, 4}, Rates: [4]float64{5, 6, 7, 8}}
			m.Left[0][0] = 1.5
		}, true},
	})
	want := order.Group{Origin: flow.Half{Packets: 1, Bytes: 2, PPS: 5, BPS: 6}, Reply: flow.Half{Packets: 3, Bytes: 4, PPS: 7, BPS: 8}}
	if got.Sum != want || got.Left[0][0] != 2 {
		t.Errorf("sum %+v, left %v", got.Sum, got.Left)
	}
	text := func(n int) error {
		m := groups{V: 1, All: 1, Top: []group{{GroupKey: GroupKey{Text: strings.Repeat("x", n)}}}}
		_, err := DecodeGroups(deflate(t, marshal(t, m)), order.ByProcess)
		return err
	}
	if text(maxName) != nil || text(maxName+1) == nil {
		t.Errorf("%v, %v", text(maxName), text(maxName+1))
	}
}

// The numbers of a summary are those of a host: each may be as large as it can be.
func TestBoundsOfSummaries(t *testing.T) {
	good := func() order.Summary { return order.Summary{Flows: 1} }
	checkBounds(t, good, func(s order.Summary) error {
		text, err := EncodeSummary(s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeSummary(text)
		return err
	}, []bound[order.Summary]{
		{"the most flows", func(s *order.Summary) { s.Flows = maxFlows }, true},
		{"more flows", func(s *order.Summary) { s.TCP = maxFlows + 1 }, false},
		{"the longest timeout", func(s *order.Summary) { s.Timeouts[1] = flow.MaxTimeout }, true},
		{"a longer timeout", func(s *order.Summary) { s.Timeouts[1] = flow.MaxTimeout + 1 }, false},
		{"a negative timeout", func(s *order.Summary) { s.Timeouts[0] = -1 }, false},
		{"the highest rates", func(s *order.Summary) { s.PPS, s.BPS = maxAmount, maxAmount }, true},
		{"a higher rate of packets", func(s *order.Summary) { s.PPS = 2 * maxAmount }, false},
		{"a higher rate", func(s *order.Summary) { s.BPS = 2 * maxAmount }, false},
		{"a negative rate of packets", func(s *order.Summary) { s.PPS = -1 }, false},
		{"a negative rate", func(s *order.Summary) { s.BPS = -1 }, false},
		{"a negative uptime", func(s *order.Summary) { s.Uptime = -1 }, false},
		{"a counter without end", func(s *order.Summary) { s.Counters.Packets = math.MaxUint64 }, false},
		{"enforce", func(s *order.Summary) { s.Policy = flow.PolicyEnforce }, true},
		{"an unknown policy", func(s *order.Summary) { s.Policy = flow.PolicyEnforce + 1 }, false},
	})
	s := good()
	s.Worst = strings.Repeat("w", 2*maxSentence)
	for i := range maxLines + 5 {
		s.Warnings, s.Alerts = append(s.Warnings, fmt.Sprint(i, "\x1b[2J")), append(s.Alerts, strings.Repeat("a", 2*maxSentence))
	}
	checkSummary := func(what string, got order.Summary) {
		t.Helper()
		if len(got.Worst) > maxSentence+3 || len(got.Warnings) != maxLines || len(got.Alerts) != maxLines || len(got.Alerts[0]) > maxSentence+3 || strings.Contains(got.Warnings[0], "\x1b") {
			t.Errorf("%s: %+v", what, got)
		}
	}
	text, err := EncodeSummary(s)
	if err != nil {
		t.Fatal(err)
	}
	var sent summary
	if err := json.Unmarshal(text, &sent); err != nil {
		t.Fatal(err)
	}
	checkSummary("sent", sent.Summary)
	got, err := DecodeSummary(marshal(t, summary{summaryVersion, s}))
	if err != nil {
		t.Fatal(err)
	}
	checkSummary("received", got)
}
