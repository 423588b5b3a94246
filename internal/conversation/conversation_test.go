package conversation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// fleet returns a snapshot of hosts with an interface each, whose trackers began long ago.
func fleet(hosts ...string) *flow.Snapshot {
	s := &flow.Snapshot{Time: time.Unix(1_800_000_000, 0)}
	for _, name := range hosts {
		s.Interfaces = append(s.Interfaces, flow.Interface{Name: "eth0", Host: name, Uptime: 24 * time.Hour})
	}
	return s
}

func tuple(src, dst string) flow.Tuple {
	return flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)}
}

// seen returns a flow at an interface that had its last packet ten seconds ago.
func seen(in uint16, t flow.Tuple, age time.Duration, origin, reply uint64) flow.Flow {
	return flow.Flow{
		ID: flow.ID(in) + 1, In: in, Tuple: t, Age: age, Idle: 10 * time.Second,
		Origin: flow.Half{Packets: origin, Bytes: origin * 100}, Reply: flow.Half{Packets: reply, Bytes: reply * 100},
	}
}

func rowsOf(s *flow.Snapshot) (rows []*flow.Flow) {
	for i := range s.Flows {
		rows = append(rows, &s.Flows[i])
	}
	return rows
}

func only(t *testing.T, s *flow.Snapshot) Conversation {
	t.Helper()
	list := Find(s, rowsOf(s))
	if len(list) != 1 {
		t.Fatalf("%d conversations", len(list))
	}
	return list[0]
}

func TestFind(t *testing.T) {
	ask := tuple("10.0.0.1:4000", "10.0.0.2:53")
	tagged := ask.Reverse()
	tagged.VLAN, tagged.Zone = 7, 2
	for name, c := range map[string]struct {
		a, b flow.Flow
		want int
	}{
		"same tuple":       {seen(0, ask, time.Minute, 9, 9), seen(1, ask, time.Minute, 9, 9), 1},
		"turned, tagged":   {seen(0, ask, time.Minute, 9, 9), seen(1, tagged, time.Minute, 9, 9), 1},
		"of one host":      {seen(0, ask, time.Minute, 9, 9), seen(0, tagged, time.Minute, 9, 9), 0},
		"another port":     {seen(0, ask, time.Minute, 9, 9), seen(1, tuple("10.0.0.1:4001", "10.0.0.2:53"), time.Minute, 9, 9), 0},
		"at another time":  {flow.Flow{ID: 1, Tuple: ask, Age: time.Hour, Idle: time.Minute}, flow.Flow{ID: 2, In: 1, Tuple: ask, Age: 20 * time.Second}, 0},
		"loopback of each": {seen(0, tuple("127.0.0.1:4000", "127.0.0.1:53"), time.Minute, 9, 9), seen(1, tuple("127.0.0.1:4000", "127.0.0.1:53"), time.Minute, 9, 9), 0},
		"without address":  {seen(0, tuple("0.0.0.0:68", "255.255.255.255:67"), time.Minute, 9, 9), seen(1, tuple("0.0.0.0:68", "255.255.255.255:67"), time.Minute, 9, 9), 0},
	} {
		s := fleet("edge-1", "edge-2")
		s.Flows = []flow.Flow{c.a, c.b}
		if got := Find(s, rowsOf(s)); len(got) != c.want {
			t.Errorf("%s: %d conversations", name, len(got))
		}
	}
	s := fleet("edge-1")
	s.Interfaces[0].Host, s.Flows = "", []flow.Flow{seen(0, ask, time.Minute, 1, 1), seen(0, ask, time.Minute, 1, 1)}
	if Find(s, rowsOf(s)) != nil {
		t.Error("a single host has conversations with itself")
	}
}

// A conversation goes on behind a translation, and its directions with it.
func TestFindTranslated(t *testing.T) {
	inside, outside := tuple("10.0.0.1:4000", "198.51.100.7:53"), tuple("203.0.113.9:61000", "198.51.100.7:53")
	s := fleet("far", "router", "near")
	s.Translations = []flow.Tuple{outside}
	router := seen(1, inside, time.Minute, 100, 80)
	router.NAT = 1
	s.Flows = []flow.Flow{seen(0, outside.Reverse(), time.Minute, 80, 90), router, seen(2, inside, time.Minute, 100, 80)}
	c := only(t, s)
	if len(c.Sightings) != 3 || c.Sightings[0].Turned || !c.Sightings[1].Turned || !c.Sightings[2].Turned {
		t.Fatalf("%+v", c)
	}
	if got := c.Text(); !strings.HasPrefix(got, "10 of 100 packets of the reply (10.0 %) were lost between near and far") || !strings.HasSuffix(got, ". That it is one conversation only router says, by its translation.") {
		t.Error(got)
	}
	// Without the far one, the tuple that both have says so.
	s.Flows = s.Flows[1:]
	if c := only(t, s); len(c.Sightings) != 2 || len(c.Claimed) != 0 {
		t.Errorf("%+v", c)
	}
}

// What a host says of its translation joins no flows of other hosts that began at other times,
// whatever flows of its own it has between them.
func TestClaimsAreChecked(t *testing.T) {
	one, two, made := tuple("10.0.0.1:4000", "198.51.100.7:53"), tuple("10.9.0.1:61000", "198.51.100.8:53"), tuple("192.0.2.1:1", "192.0.2.2:2")
	for age, want := range map[time.Duration]int{time.Minute: 3, time.Minute + skew: 3, time.Minute + 2*skew: 0, time.Hour: 0, 5 * time.Second: 0} {
		s := fleet("a", "b", "mallory")
		s.Translations = []flow.Tuple{one, two}
		first, second := seen(2, made, time.Minute, 9, 9), seen(2, made, age, 9, 9)
		first.NAT, second.NAT = 1, 2
		s.Flows = []flow.Flow{seen(0, one, time.Minute, 9, 9), seen(1, two, age, 9, 9), first, second}
		for i := range s.Flows {
			s.Flows[i].ID, s.Flows[i].Idle = flow.ID(i+1), 0
		}
		for _, c := range Find(s, rowsOf(s)) {
			hosts := map[string]bool{}
			for _, one := range c.Sightings {
				hosts[one.Host] = true
			}
			if (hosts["a"] && hosts["b"]) != (want == 3) {
				t.Errorf("age %s: %v are one conversation", age, hosts)
			}
			if !slices.Equal(c.Claimed, []string{"mallory"}) {
				t.Errorf("age %s: by %v", age, c.Claimed)
			}
		}
	}
}

func TestGaps(t *testing.T) {
	ask := tuple("10.0.0.1:4000", "10.0.0.2:53")
	tcp := ask
	tcp.Proto = flow.ProtocolTCP
	busy := func(f flow.Flow, pps float64) flow.Flow {
		f.Idle, f.Origin.PPS, f.Reply.PPS = 0, pps, pps
		return f
	}
	for name, c := range map[string]struct {
		flows []flow.Flow
		want  string
	}{
		"none": {[]flow.Flow{seen(0, ask, time.Minute, 9, 9), seen(1, ask, time.Minute, 9, 9)}, "No packet was lost between the hosts, as far as that can be told."},
		"some": {
			[]flow.Flow{seen(0, ask, time.Minute, 960, 1000), seen(1, ask, time.Minute, 1000, 900)},
			"40 of 1,000 packets of the origin (4.0 %) were lost between edge-2 and edge-1; 100 of 1,000 packets of the reply (10.0 %) were lost between edge-1 and edge-2.",
		},
		"one": {[]flow.Flow{seen(0, ask, time.Minute, 1999, 9), seen(1, ask, time.Minute, 2000, 9)}, "1 of 2,000 packets of the origin (less than 0.1 %) were lost between edge-2 and edge-1."},
		"another way": {
			[]flow.Flow{seen(0, ask, time.Minute, 50, 50), seen(1, ask, time.Minute, 50, 0)},
			"edge-2 saw none of the 50 packets of the reply that edge-1 saw: they take another path, or are lost.",
		},
		"on their way": {[]flow.Flow{busy(seen(0, ask, time.Minute, 10_000, 9), 100), busy(seen(1, ask, time.Minute, 9800, 9), 100)}, "No packet was lost between the hosts, as far as that can be told."},
		"still lost":   {[]flow.Flow{busy(seen(0, ask, time.Minute, 10_000, 9), 100), busy(seen(1, ask, time.Minute, 9000, 9), 100)}, "1,000 of 10,000 packets of the origin (10.0 %) were lost between edge-1 and edge-2."},
		"a later look": {
			[]flow.Flow{seen(0, ask, time.Hour, 9000, 9), seen(1, ask, time.Minute, 100, 9)},
			"edge-2 has seen it for 1 minute, edge-1 for 1 hour: what they saw cannot be compared.",
		},
		"three": {
			[]flow.Flow{seen(0, ask, time.Minute, 100, 70), seen(1, ask, time.Minute, 90, 80), seen(2, ask, time.Minute, 90, 80)},
			"10 of 100 packets of the origin (10.0 %) were lost between edge-1 and edge-2; 10 of 80 packets of the reply (12.5 %) were lost between edge-3 and edge-1.",
		},
	} {
		s := fleet("edge-1", "edge-2", "edge-3")
		s.Flows = c.flows
		found := only(t, s)
		if got := found.Text(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Whether the first packets were seen is not known of a tracker that is young, or old and
// does not say how old.
func TestGapsWithoutABeginning(t *testing.T) {
	ask := tuple("10.0.0.1:4000", "10.0.0.2:53")
	s := fleet("edge-1", "edge-2")
	s.Flows = []flow.Flow{seen(0, ask, time.Minute, 1000, 9), seen(1, ask, time.Minute, 950, 9)}
	for _, uptime := range []time.Duration{0, time.Minute} {
		s.Interfaces[1].Uptime = uptime
		if c := only(t, s); len(c.Gaps()) != 0 {
			t.Errorf("uptime %s: %s", uptime, c.Text())
		}
	}
	s.Flows[1].Origin.Packets = 800
	if c := only(t, s); len(c.Gaps()) != 1 {
		t.Error(c.Text())
	}
	s.Flows[1].Origin.Packets = 999
	for i := range s.Flows {
		s.Flows[i].Origin.WindowKnown = true
	}
	if c := only(t, s); len(c.Gaps()) != 1 {
		t.Errorf("the handshake was the beginning: %s", c.Text())
	}
}

// random returns a snapshot of few addresses, so that many flows meet.
func random(r *rand.Rand) *flow.Snapshot {
	hosts := []string{"a", "b", "c", "d"}
	s := fleet(append(hosts, hosts...)...)
	end := func() flow.End {
		addresses := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.1", "2001:db8::1"}
		return flow.EndFrom(netip.MustParseAddr(addresses[r.IntN(len(addresses))]), uint16(r.IntN(2)))
	}
	some := func() flow.Tuple {
		return flow.Tuple{Proto: flow.ProtocolUDP, Src: end(), Dst: end(), VLAN: uint16(r.IntN(2)), Zone: uint16(r.IntN(2))}
	}
	for range 3 {
		s.Translations = append(s.Translations, some())
	}
	for i := range s.Interfaces {
		s.Interfaces[i].Uptime = 0 // so that no beginning is known
	}
	for i := range 2 + r.IntN(30) {
		f := flow.Flow{ID: flow.ID(i + 1), In: uint16(r.IntN(len(s.Interfaces))), Tuple: some(), Age: time.Duration(r.IntN(60)) * time.Second}
		f.Idle = time.Duration(r.Float64() * float64(f.Age))
		f.NAT = uint32(max(r.IntN(8)-4, 0))
		s.Flows = append(s.Flows, f)
	}
	return s
}

// meet reports whether two flows are of one conversation, as the package says it.
func meet(s *flow.Snapshot, a, b *flow.Flow) bool {
	if a.Idle > b.Age+skew || b.Idle > a.Age+skew {
		return false
	}
	of := func(f *flow.Flow) (list []flow.Tuple) {
		list = append(list, f.Tuple)
		if other, ok := s.OtherHalf(f); ok {
			list = append(list, other)
		}
		for i := range list {
			list[i].VLAN, list[i].Zone = 0, 0
		}
		return list
	}
	for _, x := range of(a) {
		for _, y := range of(b) {
			local := x.Src.Addr().IsLoopback() || x.Dst.Addr().IsLoopback()
			if !local && (x == y || x == y.Reverse()) {
				return true
			}
		}
	}
	return false
}

// brute returns the conversations, found by comparing every flow with every other one.
func brute(s *flow.Snapshot) (list []string) {
	done := make([]bool, len(s.Flows))
	for i := range s.Flows {
		if done[i] {
			continue
		}
		done[i] = true
		group, hosts := []int{i}, map[string]bool{}
		for at := 0; at < len(group); at++ {
			for j := range s.Flows {
				if !done[j] && meet(s, &s.Flows[group[at]], &s.Flows[j]) {
					done[j] = true
					group = append(group, j)
				}
			}
		}
		slices.Sort(group)
		var text strings.Builder
		for _, j := range group {
			hosts[s.Interfaces[s.Flows[j].In].Host] = true
			fmt.Fprint(&text, s.Flows[j].ID, " ")
		}
		if len(hosts) > 1 {
			list = append(list, text.String())
		}
	}
	return list
}

// Find finds what a comparison of every flow with every other one finds.
func TestFindAsByHand(t *testing.T) {
	for seed := range uint64(3000) {
		s := random(rand.New(rand.NewPCG(seed, 7)))
		var got []string
		for _, c := range Find(s, rowsOf(s)) {
			var text strings.Builder
			for _, one := range c.Sightings {
				fmt.Fprint(&text, one.Flow.ID, " ")
			}
			got = append(got, text.String())
		}
		if want := brute(s); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %q\nwant %q", seed, got, want)
		}
	}
}

// The directions of flows that share their own tuple are those of the tuple.
func TestTurned(t *testing.T) {
	for seed := range uint64(500) {
		s := random(rand.New(rand.NewPCG(seed, 8)))
		s.Translations = nil
		for _, c := range Find(s, rowsOf(s)) {
			first, _ := plain(c.Sightings[0].Flow.Tuple)
			_, turned := plain(c.Sightings[0].Flow.Tuple)
			for _, one := range c.Sightings {
				own, again := plain(one.Flow.Tuple)
				if own != first || one.Turned != (turned != again) {
					t.Fatalf("seed %d: %s and %s: turned is %t", seed, c.Sightings[0].Flow.Tuple, one.Flow.Tuple, one.Turned)
				}
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	s := fleet("a", "b")
	for i := range 50_000 {
		s.Flows = append(s.Flows, seen(uint16(i%2), tuple(fmt.Sprintf("10.%d.%d.1:4000", i/2>>8&255, i/2&255), "10.0.0.2:53"), time.Minute, 1, 1))
	}
	rows := rowsOf(s)
	for b.Loop() {
		if n := len(Find(s, rows)); n != 25_000 {
			b.Fatal(n)
		}
	}
}

// What a host knows from its partner is compared with nothing, and stands for nothing.
func TestPartner(t *testing.T) {
	ask := tuple("10.0.0.1:4000", "10.0.0.2:53")
	s := fleet("gate-1", "gate-2", "edge-1")
	s.Flows = []flow.Flow{seen(0, ask, time.Minute, 400, 400), seen(1, ask, time.Minute, 500, 500), seen(2, ask, time.Minute, 500, 500)}
	s.Flows[0].ID, s.Flows[0].Holding.Inherited = s.Flows[1].ID, true
	c := only(t, s)
	if gaps := c.Gaps(); len(gaps) > 0 || c.Front() != &s.Flows[1] {
		t.Errorf("%v, %s", gaps, c.Front().ID)
	}
	s.Flows[0].Holding.Inherited = false
	c = only(t, s)
	if gaps := c.Gaps(); len(gaps) > 0 {
		t.Errorf("both have it, and differ: %v", gaps)
	}
	s.Flows[0].Holding.Inherited = true
	c = only(t, s)
	s.Flows[2].Origin.Packets = 450
	if gaps := c.Gaps(); len(gaps) != 1 || gaps[0].From.Host != "gate-2" || gaps[0].To.Host != "edge-1" || gaps[0].Packets != 50 {
		t.Errorf("%v", gaps)
	}
	s.Flows = s.Flows[:2]
	c = only(t, s)
	if text := c.Text(); len(c.Gaps()) > 0 || text != "Packets pass by gate-2 only: the others know it from the pair." {
		t.Errorf("%q, %v", text, c.Gaps())
	}
}
