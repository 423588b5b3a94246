package client

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

func faces(names ...string) (list []flow.Interface) {
	for _, name := range names {
		list = append(list, flow.Interface{Name: name})
	}
	return list
}

// The flows of hosts become one snapshot: each keeps its interface, zone and translation, and
// the interfaces are in the order of hosts and names. What a host says beside its first page
// counts once.
func TestMerged(t *testing.T) {
	m := newMerged("main")
	m.add("b", &flow.Snapshot{
		MaxFlows: 10, Interfaces: faces("eth1"), Translations: []flow.Tuple{{Zone: 7}},
		Flows: []flow.Flow{{ID: 1, In: 0, NAT: 1}, {ID: 2, In: 0, Tuple: flow.Tuple{Zone: 9}}, {ID: 3, In: 1}},
	}, fleet.Head{Policy: flow.PolicyEnforce, Uptime: time.Minute, Counters: &flow.Counters{Packets: 5}, Interfaces: faces("eth0")})
	m.add("b", &flow.Snapshot{MaxFlows: 10, Interfaces: faces("eth0")}, fleet.Head{Page: 1, Counters: &flow.Counters{Packets: 5}, Uptime: time.Hour})
	m.add("a", &flow.Snapshot{
		MaxFlows: 20, Interfaces: faces("eth0", "eth1"), Translations: []flow.Tuple{{Zone: 8}},
		Flows: []flow.Flow{{ID: 4, In: 1, NAT: 1, Tuple: flow.Tuple{Zone: 1}}},
	}, fleet.Head{Policy: flow.PolicyObserve, Uptime: time.Second})
	s := m.inOrder()
	if s.Host != "fleet main" || s.MaxFlows != 30 || s.Counters.Packets != 5 || s.Policy != flow.PolicyEnforce || m.full {
		t.Errorf("%+v", s)
	}
	want := []flow.Interface{
		{Name: "eth0", Host: "a", Uptime: time.Second},
		{Name: "eth1", Host: "a", Uptime: time.Second},
		{Name: "eth0", Host: "b", Uptime: time.Hour},
		{Name: "eth1", Host: "b", Uptime: time.Minute},
	}
	if !reflect.DeepEqual(s.Interfaces, want) {
		t.Errorf("the interfaces are %+v", s.Interfaces)
	}
	flows := []flow.Flow{
		{ID: 1, In: 3, NAT: 1}, {ID: 2, In: 3, Tuple: flow.Tuple{Zone: 4}}, {ID: 4, In: 1, NAT: 2, Tuple: flow.Tuple{Zone: 2}},
	}
	if !slices.Equal(s.Flows, flows) {
		t.Errorf("the flows are %+v", s.Flows)
	}
	if other, ok := s.OtherHalf(&s.Flows[2]); !ok || other.Zone != 8 {
		t.Errorf("the other half of 4 is %v", other)
	}
}

// No host has more interfaces than its part, and all of them no more than a flow can name. What
// is at the others is left out.
func TestPlacesAreBounded(t *testing.T) {
	m := newMerged("main")
	many := &flow.Snapshot{}
	for i := range placesOfHost + 1 {
		many.Interfaces = append(many.Interfaces, flow.Interface{Name: strconv.Itoa(i)})
		many.Flows = append(many.Flows, flow.Flow{ID: flow.ID(i + 1), In: uint16(i)})
	}
	last := many.Flows[:placesOfHost]
	if m.add("h", many, fleet.Head{}); !m.full || len(m.snapshot.Interfaces) != placesOfHost || len(m.snapshot.Flows) != len(last) {
		t.Errorf("%d interfaces, %d flows, full: %t", len(m.snapshot.Interfaces), len(m.snapshot.Flows), m.full)
	}
	for i := 0; len(m.index) < maxPlaces; i++ {
		m.index[place{"other", strconv.Itoa(i)}] = 0
	}
	if at := m.interfaceOf("new", flow.Interface{Name: "eth0"}); at != -1 {
		t.Errorf("there is room for one more at %d", at)
	}
	if at := m.interfaceOf("h", flow.Interface{Name: "1"}); at != 1 {
		t.Errorf("a known one is at %d", at)
	}
}

// The first five of what is missing are named.
func TestTrouble(t *testing.T) {
	for want, f := range map[string]*Flows{
		"":                                       {},
		"1 host did not answer (a)":              {Missing: []string{"a"}},
		"b: no":                                  {Failed: []string{"b: no"}},
		"1 host did not answer (a); b":           {Missing: []string{"a"}, Failed: []string{"b"}},
		"5 hosts did not answer (a, b, c, d, e)": {Missing: []string{"a", "b", "c", "d", "e"}},
		"7 hosts did not answer (a, b, c, d, e and 2 more)": {Missing: []string{"a", "b", "c", "d", "e", "f", "g"}},
	} {
		if got := f.Trouble(); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// An act is divided by hosts, and no part has more flows than an order.
func TestDivide(t *testing.T) {
	var refs []flow.Ref
	for id := range flow.ID(2*fleet.MaxActFlows + 2) {
		refs = append(refs, flow.Ref{ID: id})
	}
	odd := func(r flow.Ref) string { return []string{"even", "odd"}[r.ID%2] }
	act := flow.Deletion(refs...)
	act.By.Name = "ann"
	parts := divide(act, nil, odd)
	var sizes []int
	for _, p := range parts {
		sizes = append(sizes, len(p.act.Flows))
		for _, ref := range p.act.Flows {
			if odd(ref) != p.host {
				t.Fatalf("%d is not of %s", ref.ID, p.host)
			}
		}
		if p.act.Kind != flow.ActDelete || p.act.By.Name != "ann" {
			t.Errorf("a part is %+v", p.act)
		}
	}
	if !slices.Equal(sizes, []int{fleet.MaxActFlows, fleet.MaxActFlows, 1, 1}) {
		t.Errorf("the parts have %d flows", sizes)
	}
	if all := divide(flow.Act{Kind: flow.ActTimeout}, []string{"a", "b"}, odd); len(all) != 2 || all[0].host != "a" || all[1].host != "b" || all[1].act.Kind != flow.ActTimeout {
		t.Errorf("an act on no flow is divided into %+v", all)
	}
}

// A conversation is looked for by protocol, addresses and, if it has them, ports, once each.
func TestFilterOf(t *testing.T) {
	tcp := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("192.0.2.1:443")}
	ping := flow.Tuple{Proto: flow.ProtocolICMP, Src: flow.MustParseEnd("10.0.0.1:0"), Dst: flow.MustParseEnd("192.0.2.1:0")}
	want := "(proto:tcp host:10.0.0.1 host:192.0.2.1 port:40000 port:443) or (proto:icmp host:10.0.0.1 host:192.0.2.1)"
	if got := filterOf([]flow.Tuple{tcp, ping, tcp}); got != want {
		t.Errorf("the filter is %q, want %q", got, want)
	}
}
