package order

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ctop/tracker/flow"
)

// hostsOf returns snapshots of several hosts with random flows, and one with all of them.
func hostsOf(r *rand.Rand, hosts, flows int) (list []*flow.Snapshot, whole *flow.Snapshot) {
	names := []string{"eth0", "eth1", "wan"}
	whole = &flow.Snapshot{}
	for _, name := range names {
		whole.Interfaces = append(whole.Interfaces, flow.Interface{Name: name})
	}
	processes := []*flow.Process{nil, {Name: "nginx", Unit: "nginx.service"}, {Name: "curl", Container: "c1"}}
	for range hosts {
		s := &flow.Snapshot{}
		at := r.Perm(len(names)) // each host has its own order
		for _, i := range at {
			s.Interfaces = append(s.Interfaces, whole.Interfaces[i])
		}
		for range r.IntN(flows) {
			skewed := func(n int) byte { return byte(r.IntN(1 + r.IntN(n))) }
			f := flow.Flow{
				ID: flow.ID(r.Uint64() | 1), State: flow.State(1 + r.IntN(3)), In: uint16(r.IntN(len(names))),
				Origin: flow.Half{Packets: r.Uint64N(100), Bytes: r.Uint64N(1e6), BPS: float64(r.IntN(1e6)), PPS: float64(r.IntN(1000)) / 4},
				Reply:  flow.Half{Packets: r.Uint64N(100), Bytes: r.Uint64N(1e6), BPS: float64(r.IntN(1e6)), PPS: float64(r.IntN(1000)) / 4},
				Tuple: flow.Tuple{
					Proto: []flow.Protocol{flow.ProtocolTCP, flow.ProtocolUDP}[r.IntN(2)],
					Src:   flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, skewed(5), skewed(40)}), 1000),
					Dst:   flow.EndFrom(netip.AddrFrom4([4]byte{192, 0, skewed(5), skewed(40)}), uint16(skewed(60))),
				},
			}
			f.Holding.Process = processes[r.IntN(len(processes))]
			s.Flows = append(s.Flows, f)
			f.In = uint16(at[f.In])
			whole.Flows = append(whole.Flows, f)
		}
		list = append(list, s)
	}
	return list, whole
}

// Of the groups of several hosts, each of which names its first ones only, every measure of
// every group is at least what it says and at most its bound more, by every grouping and order.
// What was asked for is exact, and a group that nobody named has no more than its bound.
func TestTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	bounded, exactly := 0, 0
	for round := range 60 {
		list, whole := hostsOf(r, 1+r.IntN(6), 300)
		for g := range numGroupings {
			by := GroupBy{Sort: GroupSort(r.IntN(int(NumGroupSorts))), Desc: r.IntN(4) > 0, Packets: r.IntN(2) > 0}
			n := 1 + r.IntN(20)
			want := FirstGroups(GroupRequest{Snapshot: whole, Grouping: g, By: by}, 1<<20, nil)
			var asked []GroupKey
			for _, one := range want.Top {
				if r.IntN(3) == 0 {
					asked = append(asked, one.Key)
				}
			}
			for _, also := range [][]GroupKey{nil, asked} {
				var parts []Part
				for _, s := range list {
					parts = append(parts, FirstGroups(GroupRequest{Snapshot: s, Grouping: g, By: by}, n, also))
				}
				got := Together(GroupRequest{Grouping: g, By: by}, parts, also)
				check(t, fmt.Sprintf("round %d, by %s, first %d", round, g, n), got, want, also)
				bounded, exactly = bounded+len(got.Over), exactly+len(also)
			}
		}
	}
	if bounded == 0 || exactly == 0 {
		t.Errorf("%d groups had bounds, %d were asked for", bounded, exactly)
	}
}

func check(t *testing.T, what string, got Groups, want Part, asked []GroupKey) {
	t.Helper()
	if got.Sum != want.Sum || got.All > want.All {
		t.Fatalf("%s: the sum is %+v of %d groups, not %+v of %d", what, got.Sum, got.All, want.Sum, want.All)
	}
	sums := map[GroupKey]*Group{}
	for i := range got.Top {
		sums[got.Top[i].Key] = &got.Top[i]
	}
	for i := range want.Top {
		truth := &want.Top[i]
		sum, over := sums[truth.Key], got.Over[truth.Key]
		if sum == nil {
			sum, over = &Group{}, got.Unnamed
		}
		for packets := range 2 {
			for sort := range NumGroupSorts {
				by := GroupBy{Sort: sort, Packets: packets == 1}
				if least, is := by.Value(sum), by.Value(truth); least > is || is > least+over.Of(by) {
					t.Fatalf("%s: %+v has %v by %+v, and is said to have %v and up to %v more", what, truth.Key, is, by, least, over.Of(by))
				}
			}
		}
	}
	for _, k := range asked {
		if _, open := got.Over[k]; open || sums[k] == nil {
			t.Fatalf("%s: %+v was asked for, and is not exact", what, k)
		}
	}
}

// Hosts that leave nothing out together have what one snapshot with all flows has.
func TestTogetherIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	list, whole := hostsOf(r, 4, 200)
	for g := range numGroupings {
		by := GroupBy{Sort: GroupBytes, Desc: true}
		var parts []Part
		for _, s := range list {
			parts = append(parts, FirstGroups(GroupRequest{Snapshot: s, Grouping: g, By: by}, 1000, nil))
		}
		got, want := Together(GroupRequest{Grouping: g, By: by}, parts, nil), Talk(GroupRequest{Snapshot: whole, Grouping: g, By: by})
		if len(got.Over) > 0 || got.Unnamed != (Bounds{}) || got.All != want.All || len(got.Top) != len(want.Top) {
			t.Fatalf("by %s: %d groups, %d with bounds, of %d", g, got.All, len(got.Over), want.All)
		}
		for i := range got.Top {
			if a, b := got.Top[i], want.Top[i]; g.Name(a.Key, nil) != g.Name(b.Key, whole) && g != ByInterface || a.Flows != b.Flows || a.Origin.Bytes != b.Origin.Bytes || a.Reply.Packets != b.Reply.Packets {
				t.Fatalf("by %s: %+v, not %+v", g, a, b)
			}
		}
	}
}
