package netdev

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// The interfaces of the synthetic machines.
const (
	indexWire = iota + 2
	indexMaster
	indexUpper
)

func attrs(name string, index int) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name, a.Index = name, index
	return a
}

func portOf(master netlink.Link) *machine {
	wire := attrs("eth0", indexWire)
	wire.MasterIndex = indexMaster
	return &machine{links: []netlink.Link{&netlink.Device{LinkAttrs: wire}, master}}
}

// masterOf is a machine whose first interface has ports.
func masterOf(master netlink.Link, ports ...string) *machine {
	m := &machine{links: []netlink.Link{master}}
	for i, name := range ports {
		port := attrs(name, indexUpper+i)
		port.MasterIndex = indexMaster
		m.links = append(m.links, &netlink.Device{LinkAttrs: port})
	}
	return m
}

func carrying(upper netlink.Link) *machine {
	upper.Attrs().ParentIndex = indexWire
	return &machine{
		links: []netlink.Link{&netlink.Device{LinkAttrs: attrs("eth0", indexWire)}, upper},
		addrs: map[int][]netip.Prefix{indexUpper: {netip.MustParsePrefix("192.0.2.1/24")}},
	}
}

func having(addrs ...string) *machine {
	m := &machine{links: []netlink.Link{&netlink.Device{LinkAttrs: attrs("eth0", indexWire)}}, addrs: map[int][]netip.Prefix{}}
	for _, a := range addrs {
		m.addrs[indexWire] = append(m.addrs[indexWire], netip.MustParsePrefix(a))
	}
	return m
}

func routed(routes ...netlink.Route) *machine {
	m := having()
	m.routes = map[int]string{}
	for i := range routes {
		m.addRoute(&routes[i])
	}
	return m
}

func route(dst string, index, protocol int) netlink.Route {
	r := netlink.Route{LinkIndex: index, Protocol: netlink.RouteProtocol(protocol)}
	if dst != "" {
		_, r.Dst, _ = net.ParseCIDR(dst)
	}
	return r
}

func TestUse(t *testing.T) {
	const kernel, static, ra = unix.RTPROT_KERNEL, unix.RTPROT_STATIC, unix.RTPROT_RA
	inSession := having("fe80::1/64")
	inSession.session = []int{indexWire}
	overVLAN := carrying(&netlink.Vlan{LinkAttrs: attrs("eth0.5", indexUpper)})
	overVLAN.addrs, overVLAN.session = nil, []int{indexUpper}
	away := &netlink.Macvlan{LinkAttrs: attrs("mac0", indexUpper)}
	away.NetNsID = 3
	for _, test := range []struct {
		name string
		m    *machine
		want string
	}{
		{"a wire", having("fe80::1/64", "169.254.7.7/16"), ""},
		{"an address", having("fe80::1/64", "192.0.2.1/24"), "has the address 192.0.2.1/24"},
		{"an IPv6 address", having("2001:db8::1/64"), "has the address 2001:db8::1/64"},
		{"a private one", having("fd00::1/64"), "has the address fd00::1/64"},
		{"routes of every wire", routed(
			route("fe80::/64", indexWire, kernel), route("ff00::/8", indexWire, kernel), route("fe80::1/128", indexWire, kernel),
			route("169.254.0.0/16", indexWire, kernel), route("0.0.0.0/0", indexMaster, static)), ""},
		{"a default route", routed(route("", indexWire, ra)), "has the route default"},
		{"a default route with a prefix", routed(route("::/0", indexWire, ra)), "has the route default"},
		{"a static route", routed(route("198.51.100.0/24", indexWire, static)), "has the route 198.51.100.0/24"},
		{"multicast that somebody routes", routed(route("224.0.0.0/4", indexWire, static)), "has the route 224.0.0.0/4"},
		{"one of several ways", routed(netlink.Route{Protocol: static, MultiPath: []*netlink.NexthopInfo{{LinkIndex: indexMaster}, {LinkIndex: indexWire}}}), "has the route default"},
		{"a bridge", portOf(&netlink.Bridge{LinkAttrs: attrs("br0", indexMaster)}), "is a port of the bridge br0"},
		{"a bond", portOf(&netlink.Bond{LinkAttrs: attrs("bond0", indexMaster)}), "is a port of the bond bond0"},
		{"a team", portOf(&netlink.GenericLink{LinkAttrs: attrs("team0", indexMaster), LinkType: "team"}), "is a port of the team team0"},
		{"Open vSwitch", portOf(&netlink.GenericLink{LinkAttrs: attrs("ovs-system", indexMaster), LinkType: "openvswitch"}), "is a port of the Open vSwitch ovs-system"},
		{"a VRF", portOf(&netlink.Vrf{LinkAttrs: attrs("blue", indexMaster)}), "is a port of the VRF blue"},
		{"a bridge with a port", masterOf(&netlink.Bridge{LinkAttrs: attrs("br0", indexMaster)}, "eth0"), "has the port eth0"},
		{"a bridge with ports", masterOf(&netlink.Bridge{LinkAttrs: attrs("br0", indexMaster)}, "eth0", "eth1", "eth2"), "has the ports eth0 and 2 more"},
		{"a VRF with a port", masterOf(&netlink.Vrf{LinkAttrs: attrs("blue", indexMaster)}, "eth0"), "has the port eth0"},
		{"a bridge without ports", masterOf(&netlink.Bridge{LinkAttrs: attrs("br0", indexMaster)}), ""},
		{"a bond with ports", masterOf(&netlink.Bond{LinkAttrs: attrs("bond0", indexMaster)}, "eth0", "eth1"), ""},
		{"a VLAN", carrying(&netlink.Vlan{LinkAttrs: attrs("eth0.5", indexUpper)}), "carries eth0.5, which has the address 192.0.2.1/24"},
		{"a macvlan", carrying(&netlink.Macvlan{LinkAttrs: attrs("mac0", indexUpper)}), "carries mac0, which has the address 192.0.2.1/24"},
		{"another namespace's macvlan", carrying(away), ""},
		{"the other end of a pair", carrying(&netlink.Veth{LinkAttrs: attrs("veth0", indexUpper)}), ""},
		{"a session", inSession, "carries this SSH session"},
		{"a session over a VLAN", overVLAN, "carries eth0.5, which carries this SSH session"},
	} {
		if got := test.m.use(test.m.links[0]); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// An interface that a session comes in by is found by the scope of its addresses
// and by the address of this end.
func TestSessionInterfaces(t *testing.T) {
	other := &netlink.Device{LinkAttrs: attrs("eth1", indexMaster)}
	for _, test := range []struct {
		connection string
		want       bool
	}{
		{"fe80::2%eth0 50000 fe80::1%eth0 22", true},
		{"fe80::2 50000 fe80::1 22", true},
		{"fe80::2 50000 fe80::9%eth0 22", true},
		{"fe80::2%eth0 50000 fe80::9 22", true},
		{"fe80::2%eth1 50000 fe80::9%eth1 22", false},
		{"", false},
		{"nonsense", false},
		{"a 1 b 2", false},
	} {
		m := having("fe80::1/64")
		m.links = append(m.links, other)
		m.readSession(parseConnection(test.connection))
		if got := strings.Contains(m.use(m.links[0]), "SSH"); got != test.want {
			t.Errorf("%q: %t, want %t", test.connection, got, test.want)
		}
	}
}

// An interface that came back is refused while the machine uses it. The refusal is
// remembered until the kernel reports a change.
func TestAdmit(t *testing.T) {
	lab.Require(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "back0"}, PeerName: "back1"}
	must(t, netlink.LinkAdd(pair))
	defer func() { _ = netlink.LinkDel(pair) }()
	address, err := netlink.ParseAddr("192.0.2.1/24")
	must(t, err)
	must(t, netlink.AddrAdd(pair, address))
	devices, err := find([]string{"back0"})
	must(t, err)
	a, s := &Attachments{}, devices[0]
	refused := a.admit(0, s)
	if !errors.Is(refused, ErrUsed) || !strings.Contains(refused.Error(), "has the address 192.0.2.1/24") {
		t.Errorf("%v", refused)
	}
	forced, watched := *s, *s
	forced.forced, watched.role = true, flow.RoleWatch
	if a.admit(0, &forced) != nil || a.admit(0, &watched) != nil {
		t.Error("what is forced or watched is refused")
	}
	must(t, netlink.AddrDel(pair, address))
	known := a.uses.refused[0]
	known.read = known.read.Add(time.Hour) // however long this takes
	a.uses.refused[0] = known
	if again := a.admit(0, s); again != refused { //nolint:errorlint // the very same
		t.Errorf("it is not remembered: %v", again)
	}
	if err := a.admit(1, s); err != nil { // another point
		t.Error(err)
	}
	a.uses.refused[0] = refusedLink{index: s.link.Attrs().Index, err: refused, read: time.Now().Add(-lookAgain)}
	if err := a.admit(0, s); err != nil {
		t.Errorf("for ever: %v", err)
	}
	a.uses.refuse(0, refusedLink{index: s.link.Attrs().Index + 1, err: refused, read: time.Now()})
	if err := a.admit(0, s); err != nil {
		t.Errorf("of another interface: %v", err)
	}
	a.uses.refuse(0, refusedLink{index: s.link.Attrs().Index, err: refused, read: time.Now()})
	if a.ForgetUses(); a.admit(0, s) != nil {
		t.Error("after a change")
	}
}

// An interface that the machine uses is attached to only by force, which is said, and one
// by which the session arrives is cut only by force.
func TestGuards(t *testing.T) {
	lab.Require(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "guard0"}, PeerName: "guard1"}
	must(t, netlink.LinkAdd(pair))
	defer func() { _ = netlink.LinkDel(pair) }()
	const session = "192.0.2.9 50000 192.0.2.1 22"
	try := func(names ...string) (guards, sessions [2]string) {
		devices, err := find(names)
		must(t, err)
		for i, force := range []bool{false, true} {
			notes, err := Guard(devices, session, force)
			guards[i] = fmt.Sprint(notes, errors.Is(err, ErrUsed), err == nil)
			notes, err = GuardSession(devices, session, force)
			sessions[i] = fmt.Sprint(notes, errors.Is(err, ErrUsed), err == nil)
		}
		return guards, sessions
	}
	free := [2]string{"[] false true", "[] false true"}
	if guards, sessions := try("guard0", "guard1"); guards != free || sessions != free {
		t.Errorf("%v, %v", guards, sessions)
	}
	address, err := netlink.ParseAddr("192.0.2.1/24")
	must(t, err)
	must(t, netlink.AddrAdd(pair, address))
	wanted := [2]string{"[] true false", "[forced: guard0 has the address 192.0.2.1/24 and carries this SSH session, and the machine answers nobody there while the tracker runs] false true"}
	cut := [2]string{"[] true false", "[forced: guard0 carries this SSH session, which is cut] false true"}
	if guards, sessions := try("guard1", "guard0"); guards != wanted || sessions != cut {
		t.Errorf("%v, %v", guards, sessions)
	}
	if guards, sessions := try("guard1"); guards != free || sessions != free {
		t.Errorf("%v, %v", guards, sessions)
	}
	devices, err := find([]string{"guard0"})
	must(t, err)
	devices[0].direction = Egress
	if notes, err := GuardSession(devices, session, true); err != nil || len(notes) != 0 {
		t.Errorf("what leaves there: %v, %v", notes, err)
	}
}

// The session arrives also by what an interface carries.
func TestCarriesSession(t *testing.T) {
	m := carrying(&netlink.Vlan{LinkAttrs: attrs("eth0.5", indexUpper)})
	plain := carrying(&netlink.Veth{LinkAttrs: attrs("veth0", indexUpper)})
	for _, c := range []struct {
		m       *machine
		session []int
		want    bool
	}{{m, nil, false}, {m, []int{indexWire}, true}, {m, []int{indexUpper}, true}, {m, []int{indexMaster}, false}, {plain, []int{indexUpper}, false}} {
		c.m.session = c.session
		if got := c.m.carriesSession(c.m.links[0]); got != c.want {
			t.Errorf("%v: %t", c.session, got)
		}
	}
}
