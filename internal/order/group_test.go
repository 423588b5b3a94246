package order

import (
	"math/rand"
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// TestTopIsTheBeginningOfTheSortedList compares with sorting everything.
func TestTopIsTheBeginningOfTheSortedList(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 50 {
		list := make([]Group, rnd.Intn(300))
		for i := range list {
			list[i] = Group{Key: GroupKey{Number: uint32(i)}, Flows: rnd.Intn(20)}
		}
		by := GroupBy{Sort: GroupSort(rnd.Intn(2)), Desc: rnd.Intn(2) == 0}
		compare := func(a, b Group) int { return by.compare(&a, &b) }
		n := 1 + rnd.Intn(40)
		got := top(list, n, compare)
		want := slices.Clone(list)
		slices.SortFunc(want, compare)
		if want = want[:min(n, len(want))]; !slices.Equal(got, want) {
			t.Fatalf("the first %d of %d are %v, not %v", n, len(list), got, want)
		}
	}
}

// TestGroupsAddUp checks every grouping against the flows themselves.
func TestGroupsAddUp(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(500)}
	for g := range numGroupings {
		r := Talk(GroupRequest{Snapshot: s, Grouping: g, By: GroupBy{Sort: GroupBytes, Desc: true}})
		var sum Group
		for _, one := range r.Top {
			sum.Flows += one.Flows
			addHalf(&sum.Origin, &one.Origin)
			addHalf(&sum.Reply, &one.Reply)
		}
		if g == ByHost { // at both ends, so the halves are the same
			if sum.Flows != 1000 || sum.Origin.Bytes != sum.Reply.Bytes || sum.Origin.Bytes != r.Sum.Origin.Bytes+r.Sum.Reply.Bytes {
				t.Errorf("by host: %d flows, %d and %d bytes", sum.Flows, sum.Origin.Bytes, sum.Reply.Bytes)
			}
			continue
		}
		if g == ByPair { // which end is the first is not who began
			sum.Origin.Bytes, r.Sum.Origin.Bytes = sum.Origin.Bytes+sum.Reply.Bytes, r.Sum.Origin.Bytes+r.Sum.Reply.Bytes
		}
		if sum.Flows != 500 || sum.Flows != r.Sum.Flows || sum.Origin.Bytes != r.Sum.Origin.Bytes || len(r.Top) != r.All {
			t.Errorf("by %s: %d flows, %d bytes", g, sum.Flows, sum.Origin.Bytes)
		}
		if parsed, ok := ParseGrouping(g.String()); !ok || parsed != g {
			t.Errorf("%s does not come back", g)
		}
	}
}

func TestNetworks(t *testing.T) {
	f := &flow.Flow{Tuple: flow.Tuple{
		Src: flow.MustParseEnd("10.1.2.3:1"), Dst: flow.MustParseEnd("[2001:db8:1:2:3::4]:1"),
	}}
	s := &flow.Snapshot{}
	if got := BySourceNet.Term(firstKey(BySourceNet, f), s); got != "src:10.1.2.0/24" {
		t.Error(got)
	}
	if got := ByDestinationNet.Term(firstKey(ByDestinationNet, f), s); got != "dst:2001:db8:1:2::/64" {
		t.Error(got)
	}
}

func firstKey(g Grouping, f *flow.Flow) GroupKey {
	keys, _, _ := g.keys(f, DefaultNets)
	return keys[0]
}

// TestPairsAndHosts groups two conversations of two hosts, which either began, and one of
// a host with itself.
func TestPairsAndHosts(t *testing.T) {
	to := func(src, dst string, out, in uint64) flow.Flow {
		return flow.Flow{
			Tuple:  flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)},
			Origin: flow.Half{Packets: 1, Bytes: out}, Reply: flow.Half{Packets: 1, Bytes: in},
		}
	}
	s := &flow.Snapshot{Flows: []flow.Flow{
		to("10.0.0.1:1", "10.0.0.2:2", 100, 7), to("10.0.0.2:3", "10.0.0.1:4", 20, 1000), to("10.0.0.1:5", "10.0.0.1:6", 5, 6),
	}}
	for _, test := range []struct {
		by    Grouping
		names map[string][3]uint64
		terms []string
	}{
		{ByPair, map[string][3]uint64{"10.0.0.1 ⇄ 10.0.0.2": {2, 1100, 27}, "10.0.0.1 ⇄ 10.0.0.1": {1, 5, 6}}, []string{"host:10.0.0.1 host:10.0.0.2", "src:10.0.0.1 dst:10.0.0.1"}},
		{ByHost, map[string][3]uint64{"10.0.0.1": {3, 1105, 33}, "10.0.0.2": {2, 27, 1100}}, []string{"host:10.0.0.1", "host:10.0.0.2"}},
	} {
		r := Talk(GroupRequest{Snapshot: s, Grouping: test.by, By: GroupBy{Sort: GroupBytes, Desc: true}})
		for i, g := range r.Top {
			name := test.by.Name(g.Key, s)
			if got := [3]uint64{uint64(g.Flows), g.Origin.Bytes, g.Reply.Bytes}; got != test.names[name] || test.by.Term(g.Key, s) != test.terms[i] {
				t.Errorf("by %s: %s is %v, %q", test.by, name, got, test.by.Term(g.Key, s))
			}
		}
		if len(r.Top) != len(test.names) {
			t.Errorf("%d groups by %s", len(r.Top), test.by)
		}
	}
}

// TestNetWidths groups by networks of other widths.
func TestNetWidths(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(500)}
	groups := func(n Nets) int {
		return Talk(GroupRequest{Snapshot: s, Grouping: BySourceNet, Nets: n, By: GroupBy{Sort: GroupFlows}}).All
	}
	n := DefaultNets
	if groups(n) != groups(Nets{}) {
		t.Error("the default is another")
	}
	before := 0
	for n = n.Wider(10); ; n = n.Wider(-1) {
		now := groups(n)
		if now < before || n.V4 == 32 && now != Talk(GroupRequest{Snapshot: s, Grouping: BySource}).All {
			t.Errorf("%d groups by %s, %d by wider ones", now, n, before)
		}
		if before = now; n == n.Wider(-1) {
			break
		}
	}
	if n.String() != "/32 /128" || DefaultNets.Wider(10).String() != "/8 /32" {
		t.Errorf("the ends are %s and %s", n, DefaultNets.Wider(10))
	}
}

func TestCountBack(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(3)}
	sought := map[flow.Tuple]flow.ID{
		s.Flows[0].Tuple:           s.Flows[0].ID, // still the same one
		s.Flows[1].Tuple:           99,
		s.Flows[2].Tuple.Reverse(): 99,
	}
	if n := CountBack(s, sought); n != 2 {
		t.Errorf("%d came back", n)
	}
}

func TestCount(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(100)}
	c := NewCount(s)
	states := 0
	for _, n := range c.ByState {
		states += n
	}
	if c.Flows != 100 || states != 100 || c.TCP != 100 || c.HalfOpen != c.ByState[flow.StateSynSent]+c.ByState[flow.StateSynRecv] {
		t.Errorf("%+v", c)
	}
}

// The sum of all groups has what each of its flows has, of every measure and in both
// directions.
func TestSumOfGroups(t *testing.T) {
	var s flow.Snapshot
	for i := range 3 {
		n := uint64(i + 1)
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(i + 1), Tuple: flow.Tuple{Proto: flow.ProtocolTCP},
			Origin: flow.Half{Packets: n, Bytes: 10 * n, PPS: float64(100 * n), BPS: float64(1000 * n)},
			Reply:  flow.Half{Packets: 2 * n, Bytes: 20 * n, PPS: float64(200 * n), BPS: float64(2000 * n)},
		})
	}
	sum := Talk(GroupRequest{Snapshot: &s, Grouping: ByProto}).Sum
	for _, c := range []struct {
		by   GroupBy
		want float64
	}{
		{GroupBy{Sort: GroupName}, 3},
		{GroupBy{Sort: GroupFlows}, 3},
		{GroupBy{Sort: GroupPackets}, 18},
		{GroupBy{Sort: GroupBytes}, 180},
		{GroupBy{Sort: GroupOut}, 6000},
		{GroupBy{Sort: GroupIn}, 12000},
		{GroupBy{Sort: GroupRate}, 18000},
		{GroupBy{Sort: GroupOut, Packets: true}, 600},
		{GroupBy{Sort: GroupIn, Packets: true}, 1200},
		{GroupBy{Sort: GroupRate, Packets: true}, 1800},
	} {
		if got := c.by.Value(&sum); got != c.want {
			t.Errorf("%+v: %v, not %v", c.by, got, c.want)
		}
	}
}

// The widths to choose from are those of addresses in bytes and halves of one.
func TestWidths(t *testing.T) {
	var widths []Nets
	for n := DefaultNets.Wider(len(netSteps)); len(widths) == 0 || widths[len(widths)-1] != n; n = n.Wider(-1) {
		widths = append(widths, n)
	}
	if want := []Nets{{8, 32}, {12, 40}, {16, 48}, {20, 56}, {24, 64}, {28, 96}, {32, 128}}; !slices.Equal(widths, want) {
		t.Errorf("%v, not %v", widths, want)
	}
}
