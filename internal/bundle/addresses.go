package bundle

import (
	"encoding/binary"
	"net/netip"

	"ctop/tracker/flow"
)

// addresses replaces addresses. Each class has a range of its own, in which every network
// (/24, /64) gets another one, and every host in it another number. No replacement is an
// address that was to be replaced.
type addresses struct {
	// original are the addresses that are to be replaced.
	original map[netip.Addr]bool
	known    map[netip.Addr]netip.Addr
	networks map[netip.Prefix]*network
	used     map[netip.Prefix]uint64
}

// network is what replaces a network.
type network struct {
	base netip.Addr
	// hosts is how many numbers are taken.
	hosts uint64
}

func newAddresses() addresses {
	return addresses{
		original: map[netip.Addr]bool{}, known: map[netip.Addr]netip.Addr{},
		networks: map[netip.Prefix]*network{}, used: map[netip.Prefix]uint64{},
	}
}

// class is a kind of addresses, and the range of those that replace them.
type class struct{ of, to netip.Prefix }

func classOf(of, to string) class { return class{netip.MustParsePrefix(of), netip.MustParsePrefix(to)} }

// classes4 and classes6 are the classes, the last has all others: 240.0.0.0/4 is reserved,
// 3fff::/20 for documentation.
var (
	classes4 = []class{
		classOf("127.0.0.0/8", "127.0.0.0/8"), classOf("169.254.0.0/16", "169.254.0.0/16"), classOf("224.0.0.0/4", "239.0.0.0/8"),
		classOf("10.0.0.0/8", "10.0.0.0/8"), classOf("172.16.0.0/12", "10.0.0.0/8"), classOf("192.168.0.0/16", "10.0.0.0/8"),
		classOf("0.0.0.0/0", "240.0.0.0/4"),
	}
	classes6 = []class{
		classOf("fe80::/10", "fe80::/10"), classOf("ff00::/8", "ff00::/8"), classOf("fc00::/7", "fd00::/8"), classOf("::/0", "3fff::/20"),
	}
)

// universal reports whether an address means the same on every machine.
func universal(a netip.Addr) bool {
	return a.IsUnspecified() || a == netip.IPv6Loopback() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// learn notes an address that is to be replaced.
func (m *addresses) learn(a netip.Addr) {
	if a.Is4In6() {
		a = a.Unmap()
	}
	if a.IsValid() && !universal(a) {
		m.original[a] = true
	}
}

// end replaces the address of an end.
func (m *addresses) end(e flow.End) flow.End {
	return flow.EndFrom(m.replace(e.Addr()), e.Port())
}

// replace returns what replaces an address.
func (m *addresses) replace(a netip.Addr) netip.Addr {
	switch {
	case a.Is4In6():
		return netip.AddrFrom16(m.replace(a.Unmap()).As16())
	case !a.IsValid() || universal(a):
		return a
	}
	if to, ok := m.known[a]; ok {
		return to
	}
	to := m.find(a)
	m.known[a] = to
	return to
}

// find returns the next free address in the network that replaces an address's own.
func (m *addresses) find(a netip.Addr) netip.Addr {
	bits, hosts, classes := 64, uint64(1<<32), classes6
	if a.Is4() {
		bits, hosts, classes = 24, 254, classes4
	}
	c := classes[len(classes)-1]
	for _, one := range classes {
		if one.of.Contains(a) {
			c = one
			break
		}
	}
	own, _ := a.Prefix(bits)
	n := m.networks[own]
	for {
		if n == nil || n.hosts >= hosts {
			n = &network{base: m.network(c.to, bits, classes[len(classes)-1].to)}
			m.networks[own] = n
		}
		n.hosts++
		if to := plus(n.base, n.hosts, a.BitLen()); !m.original[to] && !universal(to) {
			return to
		}
	}
}

// more4 follow when all networks for other addresses are used up: with 240.0.0.0/4 they are
// eight million.
var more4 = []netip.Prefix{netip.MustParsePrefix("16.0.0.0/4"), netip.MustParsePrefix("32.0.0.0/3"), netip.MustParsePrefix("64.0.0.0/2")}

// network returns the next network of a range, or of another one if that is used up.
func (m *addresses) network(in netip.Prefix, bits int, otherwise netip.Prefix) netip.Addr {
	full := func(p netip.Prefix) bool {
		room := bits - p.Bits()
		return room < 63 && m.used[p] >= 1<<room
	}
	if full(in) {
		in = otherwise
	}
	for _, next := range more4 {
		if full(in) {
			in = next
		}
	}
	n := m.used[in]
	m.used[in]++
	return plus(in.Addr(), n, bits)
}

// plus adds n to an address, at the bit before which a prefix of so many bits ends.
func plus(a netip.Addr, n uint64, bits int) netip.Addr {
	b := a.As16()
	if a.Is4() {
		v := binary.BigEndian.Uint32(b[12:]) + uint32(n)<<(32-bits)
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, v)))
	}
	half := b[8:]
	if bits <= 64 {
		half = b[:8]
	}
	binary.BigEndian.PutUint64(half, binary.BigEndian.Uint64(half)+n)
	return netip.AddrFrom16(b)
}
