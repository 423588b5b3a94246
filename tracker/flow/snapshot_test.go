package flow

import "testing"

// Packets go on to the other side of a wire, and to the machine where it watches.
func TestOnward(t *testing.T) {
	wire := &Snapshot{Interfaces: []Interface{{Name: "left"}, {Name: "right"}}}
	for i, want := range []int{1, 0} {
		if to, ok := wire.Onward(i); !ok || to != want {
			t.Errorf("from %d to %d, %t", i, to, ok)
		}
	}
	if text := wire.Place(); text != "left ⇄ right" {
		t.Errorf("the wire is %q", text)
	}
	watch := &Snapshot{Interfaces: []Interface{{Name: "eth0", Role: RoleWatch}, {Name: "eth1", Role: RoleWatch}}}
	if to, ok := watch.Onward(0); ok {
		t.Errorf("a watched interface sends on to %d", to)
	}
	if text := watch.Place(); text != "eth0, eth1" {
		t.Errorf("the watched interfaces are %q", text)
	}
	if _, ok := (&Snapshot{Interfaces: wire.Interfaces[:1]}).Onward(0); ok {
		t.Error("half a wire sends on")
	}
	if text := new(Snapshot).Place(); text != "" {
		t.Errorf("nothing is %q", text)
	}
}

// The flow of a packet that answers came in where the packet leaves.
func TestMatchingSide(t *testing.T) {
	for _, c := range []struct {
		direction Direction
		want      uint16
	}{{Origin, 3}, {Reply, 7}} {
		trace := &Trace{In: 3, Out: 7, Direction: c.direction}
		if got := trace.Matching().In; got != c.want {
			t.Errorf("%s: in by %d, want %d", c.direction, got, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	for role, want := range map[Role]string{RoleWire: "wire", RoleWatch: "watch", 9: "role_9"} {
		if got := role.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The interfaces are on one line as their tracker has them.
func TestPlace(t *testing.T) {
	watched := func(names ...string) []Interface {
		list := make([]Interface, len(names))
		for i, name := range names {
			list[i] = Interface{Name: name, Role: RoleWatch, Index: i}
		}
		return list
	}
	followed := watched("eth0", "eth1", "eth2") // the first one is gone
	followed[0].Followed = true
	ofHost := watched("eth0")
	ofHost[0].Host = "web1"
	for _, c := range []struct {
		s                Snapshot
		place            string
		watches, several bool
		fleet            bool
	}{
		{Snapshot{}, "", false, false, false},
		{Snapshot{Interfaces: []Interface{{Name: "a"}, {Name: "b"}}}, "a ⇄ b", false, false, false},
		{Snapshot{Interfaces: watched("eth0")}, "eth0", true, false, false},
		{Snapshot{Interfaces: watched("eth0", "eth1")}, "eth0, eth1", true, true, false},
		{Snapshot{Interfaces: watched("eth0", "eth0")}, "eth0", true, false, false},
		{Snapshot{Interfaces: followed}, "all (2)", true, true, false},
		{Snapshot{Interfaces: ofHost, Host: "fleet"}, "fleet", true, false, true},
	} {
		if got := c.s.Place(); got != c.place || c.s.Watches() != c.watches || c.s.WatchesSeveral() != c.several || c.s.OfFleet() != c.fleet {
			t.Errorf("%q watches %t, several %t, fleet %t; want %+v", got, c.s.Watches(), c.s.WatchesSeveral(), c.s.OfFleet(), c)
		}
	}
}

// A flow's other half is the one of its number.
func TestOtherHalf(t *testing.T) {
	s := Snapshot{Translations: []Tuple{aTuple(ProtocolTCP), aTuple(ProtocolUDP)}}
	for nat, want := range []Tuple{{}, s.Translations[0], s.Translations[1], {}} {
		f := Flow{NAT: uint32(nat)}
		if got, ok := s.OtherHalf(&f); got != want || ok != (want != Tuple{}) {
			t.Errorf("of %d: %s, %t", nat, got, ok)
		}
	}
}

// All counters are compared.
func TestCountersBelow(t *testing.T) {
	var c Counters
	for i, n := range c.all() {
		*n = 8
		if !c.Below(8) || c.Below(7) {
			t.Errorf("counter %d is not compared", i)
		}
		*n = 7
	}
	if !c.Below(7) || c.Below(6) {
		t.Errorf("%+v", c)
	}
}

// Memory for flows doubles until there are very many.
func TestAppend(t *testing.T) {
	var flows []Flow
	f := Flow{ID: 7}
	grown := 0
	for i := range 5000 {
		before := cap(flows)
		if flows = Append(flows, &f); len(flows) != i+1 || flows[i].ID != 7 {
			t.Fatalf("%d flows after %d", len(flows), i+1)
		}
		if cap(flows) != before {
			grown++
		}
	}
	if grown > 13 { // log2(5000)
		t.Errorf("the memory grew %d times", grown)
	}
}

// What was not read for names is added up.
func TestNamingLost(t *testing.T) {
	if got := (&Naming{OverBudget: 1, NoRoom: 20, Dropped: 300}).Lost(); got != 321 {
		t.Errorf("%d are lost", got)
	}
	if got := (PacketCounts{Copied: 4000, OverBudget: 1, NoRoom: 20}).Lost(); got != 21 {
		t.Errorf("%d packets are lost", got)
	}
}
