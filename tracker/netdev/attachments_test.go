package netdev

import (
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// TestHasInterface sets the interface of a point, in a wire and where one is watched: the
// programs have it then, and no other one.
func TestHasInterface(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(t.Context(), lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	port, err := netlink.LinkByName(l.Client.Port())
	must(t, err)
	const nobody = 1000
	here := port.Attrs().Index
	at := Point{Name: l.Client.Port(), Index: here, Mode: flow.ModeTC}
	watch := at
	watch.Role = flow.RoleWatch
	for name, list := range map[string]points{"watched": {watch}, "wire": Wire(at, Point{Name: "right", Mode: flow.ModeTC})} {
		k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: list[0].Role == flow.RoleWatch})
		must(t, err)
		defer k.Close()
		table, err := kernel.NewTable(k)
		must(t, err)
		a := &Attachments{objects: k, table: table, registry: list}
		expect := func(when string, want bool) {
			t.Helper()
			if a.hasInterface(0, here) != want || a.hasInterface(0, nobody) {
				t.Errorf("%s, %s: the programs have it: %t; have one that there is not: %t",
					name, when, a.hasInterface(0, here), a.hasInterface(0, nobody))
			}
		}
		expect("at first", false)
		must(t, a.SetInterface(0, here))
		expect("set", true)
		must(t, a.SetInterface(0, 0))
		expect("gone", false)
	}
}

// TestWhyNotSent has an interface that does not send, for each reason that can be told.
func TestWhyNotSent(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(t.Context(), lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	port, err := netlink.LinkByName(l.Client.Port())
	must(t, err)
	at := Point{Name: l.Client.Port(), Index: port.Attrs().Index, Mode: flow.ModeNative}
	list := points(Wire(at, Point{Name: "right"}))
	a := &Attachments{registry: list}
	expect := func(want string) {
		t.Helper()
		if got := a.WhyNotSent(0); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	s := Device{link: port, mode: at.Mode}
	must(t, s.prepare())
	changes, err := needed(s.changes)
	must(t, err)
	if len(changes) == 0 {
		t.Fatal("nothing must be changed")
	}
	expect(changes[0].String() + " was reset and must be changed again")
	list[0].Mode = flow.ModeTC
	expect(`veth1 does not send the packets it gets: see "ip -s link show veth1" and "ethtool -S veth1"`)
	must(t, netlink.LinkSetDown(port))
	expect("veth1 down")
	list[0].Index = 1000
	expect("veth1 gone")
	list[0].Index = at.Index
	must(t, netlink.LinkSetUp(port))
	must(t, l.Client.Do(func() error { return netlink.LinkSetDown(eth0(t)) }))
	expect("the other end of veth1 is down")
}

func eth0(t *testing.T) netlink.Link {
	t.Helper()
	inside, err := netlink.LinkByName("eth0")
	must(t, err)
	return inside
}
