package order

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// named returns a flow of a protocol whose directions carried packets or not.
func named(id flow.ID, p flow.Protocol, s flow.State, out, in uint64) flow.Flow {
	return flow.Flow{
		ID: id, State: s, Origin: flow.Half{Packets: out}, Reply: flow.Half{Packets: in},
		Tuple: flow.Tuple{
			Proto: p, Src: flow.EndFrom(netip.MustParseAddr("10.0.0.1"), uint16(id)),
			Dst: flow.MustParseEnd("10.0.0.2:443"),
		},
	}
}

func TestCounts(t *testing.T) {
	list := []flow.Flow{
		named(1, flow.ProtocolTCP, flow.StateSynSent, 1, 0),
		named(2, flow.ProtocolTCP, flow.StateSynRecv, 1, 1),
		named(3, flow.ProtocolTCP, flow.StateEstablished, 0, 4),
		named(4, flow.ProtocolUDP, flow.StateNew, 1, 0),
		named(5, flow.ProtocolUDP, flow.StateTimeWait, 0, 0),
		named(6, flow.ProtocolUDP, flow.StateTimeWait+1, 2, 2),
	}
	list[4].OwnTimeout = true
	c := NewCount(&flow.Snapshot{Flows: list})
	if c.Flows != 6 || c.HalfOpen != 2 || c.OneSided != 3 || c.Pinned != 1 || c.TCP != 3 {
		t.Errorf("%+v", c)
	}
	if fmt.Sprint(c.ByProto) != "map[tcp:3 udp:3]" {
		t.Errorf("protocols %v", c.ByProto)
	}
	if one := NewCount(&flow.Snapshot{Flows: list[2:4]}).ByProto; fmt.Sprint(one) != "map[tcp:1 udp:1]" {
		t.Errorf("protocols %v", one)
	}
	if c.ByState[flow.StateSynSent] != 1 || c.ByState[flow.StateTimeWait] != 1 || c.ByState[flow.StateNone] != 0 {
		t.Errorf("states %v", c.ByState)
	}
}

func TestBack(t *testing.T) {
	same, back, other, gone := named(1, 6, flow.StateNew, 1, 0), named(2, 6, flow.StateNew, 1, 0), named(3, 6, flow.StateNew, 1, 0), named(9, 6, flow.StateNew, 1, 0)
	back.Tuple = back.Tuple.Reverse()
	s := &flow.Snapshot{Flows: []flow.Flow{same, back, other}}
	before := map[flow.Tuple]flow.ID{same.Tuple: 1, back.Tuple.Reverse(): 7, gone.Tuple: 9}
	if got := CountBack(s, before); got != 1 {
		t.Errorf("%d are back", got)
	}
	before[other.Tuple] = 8
	if got := CountBack(s, before); got != 2 {
		t.Errorf("%d are back", got)
	}
}

// TestGroupings names each group, and the filter that its flows pass.
func TestGroupings(t *testing.T) {
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "veth1"}, {Name: "veth2"}}}
	f := named(7, flow.ProtocolTCP, flow.StateSynSent, 1, 0)
	f.In = 1
	ping := named(8, flow.ProtocolICMP, flow.StateNew, 1, 0)
	beyond := f
	beyond.In = 2
	held := f
	held.Holding.Process = &flow.Process{Name: "Web Content", Unit: "getty@tty1.service"}
	for _, c := range []struct {
		g          Grouping
		of         flow.Flow
		name, term string
		addresses  bool
	}{
		{BySource, f, "10.0.0.1", "src:10.0.0.1", true},
		{ByDestination, f, "10.0.0.2", "dst:10.0.0.2", true},
		{BySourceNet, f, "10.0.0.0/24", "src:10.0.0.0/24", false},
		{ByDestinationNet, f, "10.0.0.0/24", "dst:10.0.0.0/24", false},
		{ByPort, f, "443", "dport:443", false},
		{ByPort, ping, "none", "!dport:0-65535", false},
		{ByState, f, "SYN_SENT", "state:syn_sent", false},
		{ByProto, f, "tcp", "proto:tcp", false},
		{ByInterface, f, "veth2", "if:veth2", false},
		{ByInterface, beyond, "2", "if:2", false},
		{ByProcess, f, "none", "!process:*", false},
		{ByProcess, held, "Web Content", "process:Web*Content", false},
		{ByUnit, held, "getty@tty1.service", "unit:getty@tty1.service", false},
		{ByContainer, held, "none", "!container:*", false},
		{ByName, f, "none", "!name:*", false},
		{ByCountry, f, "none", "!country:*", false},
		{BySystem, f, "none", "!as:*", false},
	} {
		key := firstKey(c.g, &c.of)
		if name, term := c.g.Name(key, s), c.g.Term(key, s); name != c.name || term != c.term || c.g.HasAddresses() != c.addresses {
			t.Errorf("by %s: %s, %s, addresses %t", c.g, name, term, c.g.HasAddresses())
		}
	}
	if BySource.Next(1) != ByDestination || BySource.Next(-1) != BySystem || BySystem.Next(1) != BySource {
		t.Error("groupings do not go round")
	}
	if _, ok := ParseGrouping("nothing"); ok {
		t.Error("nothing is a grouping")
	}
}

// A host of a fleet calls its interfaces what it likes: the filter for one of them is a filter
// for nothing else.
func TestTermsOfHostileNames(t *testing.T) {
	for _, name := range []string{"x or tcp", "x)or(tcp", "(", "!", "x # y", "\x1b[31m"} {
		s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "eth0"}, {Name: name}}}
		term := ByInterface.Term(GroupKey{Text: name}, s)
		f, err := filter.Parse(term)
		if err != nil {
			t.Errorf("%q: %s: %v", name, term, err)
			continue
		}
		for in, want := range []bool{false, true} {
			s.Flows = []flow.Flow{named(7, flow.ProtocolTCP, flow.StateNew, 1, 0)}
			s.Flows[0].In = uint16(in)
			rows := Arrange(Request{Snapshot: s, Filter: f}).Rows
			if wild := strings.Trim(strings.TrimPrefix(term, "if:"), "*") == ""; (len(rows) == 1) != want && !wild {
				t.Errorf("%q: %s matches %d flows of interface %d", name, term, len(rows), in)
			}
		}
	}
}

// TestGroupOrder sorts two groups by each column, both ways.
func TestGroupOrder(t *testing.T) {
	a := Group{Key: GroupKey{Number: 1}, Flows: 9, Origin: flow.Half{Packets: 1, Bytes: 5, PPS: 1, BPS: 9}, Reply: flow.Half{Packets: 1, Bytes: 1, PPS: 9, BPS: 1}}
	b := Group{Key: GroupKey{Number: 2}, Flows: 1, Origin: flow.Half{Packets: 3, Bytes: 1, PPS: 2, BPS: 8}, Reply: flow.Half{Packets: 3, Bytes: 1, PPS: 7, BPS: 3}}
	for _, c := range []struct {
		by   GroupBy
		want int
	}{
		{GroupBy{Sort: GroupName}, -1},
		{GroupBy{Sort: GroupFlows}, 1},
		{GroupBy{Sort: GroupPackets}, -1},
		{GroupBy{Sort: GroupBytes}, 1},
		{GroupBy{Sort: GroupOut}, 1},
		{GroupBy{Sort: GroupIn}, -1},
		{GroupBy{Sort: GroupRate}, -1},
		{GroupBy{Sort: GroupOut, Packets: true}, -1},
		{GroupBy{Sort: GroupIn, Packets: true}, 1},
		{GroupBy{Sort: GroupRate, Packets: true}, 1},
	} {
		down := c.by
		down.Desc = true
		if got, back := c.by.compare(&a, &b), down.compare(&a, &b); got != c.want || back != -c.want {
			t.Errorf("%+v: %d and %d, want %d and %d", c.by, got, back, c.want, -c.want)
		}
	}
	// Equal groups stand by their names, either way.
	twin := a
	twin.Key.Number = 3
	for _, desc := range []bool{false, true} {
		by := GroupBy{Sort: GroupFlows, Desc: desc}
		if by.compare(&a, &twin) != -1 || by.compare(&twin, &a) != 1 {
			t.Errorf("equal groups are not in order, descending %t", desc)
		}
	}
}

func TestOpenings(t *testing.T) {
	from := func(counts ...int) (all []netip.Addr) {
		a := netip.MustParseAddr("10.0.0.1")
		for _, n := range counts {
			for range n {
				all = append(all, a)
			}
			a = a.Next()
		}
		return all
	}
	for _, c := range []struct {
		counts []int
		want   string
	}{
		{nil, "0 flows from 0: []"},
		{[]int{1}, "1 flows from 1: [{10.0.0.1/32 1}]"},
		{[]int{95, 5}, "100 flows from 2: [{10.0.0.1/32 95} {10.0.0.2/32 5}]"},
		{[]int{96, 4}, "100 flows from 2: [{10.0.0.1/32 96}]"},
		{[]int{1882, 99}, "1981 flows from 2: [{10.0.0.1/32 1882}]"},
		{[]int{2, 3, 3}, "8 flows from 3: [{10.0.0.2/32 3} {10.0.0.3/32 3} {10.0.0.1/32 2}]"},
		{[]int{1, 1, 1, 1, 1, 1, 1, 1, 1}, "9 flows from 9: [{10.0.0.1/32 1} {10.0.0.2/32 1} {10.0.0.3/32 1} {10.0.0.4/32 1} {10.0.0.5/32 1} {10.0.0.6/32 1} {10.0.0.7/32 1} {10.0.0.8/32 1}]"},
	} {
		o := NewOpening(from(c.counts...))
		if got := fmt.Sprintf("%d flows from %d: %v", o.Flows, o.Sources, o.Top); got != c.want {
			t.Errorf("%v: %s, want %s", c.counts, got, c.want)
		}
	}
	// No address of many stands out, but their network does.
	many := make([]int, 50)
	for i := range many {
		many[i] = 1
	}
	if o := NewOpening(from(many...)); len(o.Top) != 1 || o.Top[0].Net.String() != "10.0.0.0/24" || o.Sources != 50 {
		t.Errorf("%+v", o)
	}
}
