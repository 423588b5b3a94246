package netdev

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
)

// Which end is this machine is told by its addresses, whichever interface has them: not
// where an interface belongs to a switch, nor by those of another VRF.
func TestLocals(t *testing.T) {
	port, member, lo := attrs("veth0", 3), attrs("eth2", 5), attrs("lo", 1)
	port.MasterIndex, member.MasterIndex, lo.EncapType = 4, 6, "loopback"
	m := &machine{
		links: []netlink.Link{
			&netlink.Device{LinkAttrs: lo},
			&netlink.Device{LinkAttrs: attrs("eth0", 2)},
			&netlink.Veth{LinkAttrs: port},
			&netlink.Bridge{LinkAttrs: attrs("br0", 4)},
			&netlink.Device{LinkAttrs: member},
			&netlink.Vrf{LinkAttrs: attrs("red", 6)},
		},
		addrs: map[int][]netip.Prefix{
			1: {netip.MustParsePrefix("127.0.0.1/8")},
			2: {netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")},
			4: {netip.MustParsePrefix("10.0.0.1/24")},
			5: {netip.MustParsePrefix("192.0.2.99/24")},
		},
	}
	at := func(name string, index int) Point { return Point{Name: name, Index: index, Role: flow.RoleWatch} }
	list := m.locals([]Point{at("lo", 1), at("eth0", 2), at("veth0", 3), at("br0", 4), at("eth2", 5), at("gone", 9)})
	for _, c := range []struct {
		zone     uint16
		src, dst string
		want     string
	}{
		{1, "127.0.0.1:1", "127.0.0.53:53", "both"},
		{1, "192.0.2.1:1", "192.0.2.1:2", "both"},
		{2, "192.0.2.1:1", "10.9.9.9:2", "origin"},
		{2, "10.9.9.9:1", "10.0.0.1:2", "reply"},
		{2, "[2001:db8::2]:1", "[2001:db8::1]:2", "reply"},
		{2, "10.9.9.9:1", "10.8.8.8:2", ""},
		{2, "127.0.0.2:1", "10.8.8.8:2", ""},
		{2, "10.9.9.9:1", "192.0.2.99:2", ""},
		{3, "10.0.0.1:1", "10.0.0.2:2", ""},
		{4, "10.0.0.2:1", "10.0.0.1:2", "reply"},
		{5, "192.0.2.99:1", "10.0.0.1:2", "origin"},
		{6, "192.0.2.1:1", "10.0.0.1:2", ""},
		{7, "192.0.2.1:1", "10.0.0.1:2", ""},
		{0, "192.0.2.1:1", "10.0.0.1:2", ""},
	} {
		tuple := flow.Tuple{Zone: c.zone, Src: flow.MustParseEnd(c.src), Dst: flow.MustParseEnd(c.dst)}
		if got := list.Ends(&tuple).String(); got != c.want {
			t.Errorf("in zone %d, from %s to %s: %q is local, want %q", c.zone, c.src, c.dst, got, c.want)
		}
	}
}
