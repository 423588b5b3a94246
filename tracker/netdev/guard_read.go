package netdev

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dumpTries bounds the retries of a netlink dump that the kernel marks as
// interrupted. After that many tries dump accepts the last result.
const dumpTries = 10

// dump reads a list by netlink. It retries if the list changed during the dump.
func dump(what string, read func() error) error {
	for try := 1; ; try++ {
		err := read()
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			if try < dumpTries {
				continue
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the %s of this machine: %w", what, err)
		}
		return nil
	}
}

// readMachine reads the interfaces and addresses of the network namespace.
func readMachine() (*machine, error) {
	m := new(machine)
	err := dump("interfaces", func() (err error) {
		m.links, err = netlink.LinkList()
		return err
	})
	if err != nil {
		return nil, err
	}
	err = dump("addresses", func() error {
		addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		m.addrs = byInterface(addrs)
		return err
	})
	return m, err
}

func byInterface(addrs []netlink.Addr) map[int][]netip.Prefix {
	by := map[int][]netip.Prefix{}
	for _, a := range addrs {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			by[a.LinkIndex] = append(by[a.LinkIndex], netip.PrefixFrom(addr.Unmap(), bits))
		}
	}
	return by
}

// readRoutes adds the routes. It keeps one per interface, since a router may
// have a million.
func (m *machine) readRoutes() error {
	m.routes = map[int]string{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		err := dump("routes", func() error {
			everywhere := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
			return netlink.RouteListFilteredIter(family, everywhere, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
				m.addRoute(&r)
				return true
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) addRoute(r *netlink.Route) {
	if !givenRoute(r) {
		return
	}
	if m.routes[r.LinkIndex] == "" {
		m.routes[r.LinkIndex] = routeName(r)
	}
	for _, hop := range r.MultiPath {
		if m.routes[hop.LinkIndex] == "" {
			m.routes[hop.LinkIndex] = routeName(r)
		}
	}
}

// givenRoute reports whether somebody configured the route. The kernel adds the
// routes for link-local and multicast addresses to every interface that is up.
func givenRoute(r *netlink.Route) bool {
	if r.Protocol != unix.RTPROT_KERNEL || r.Dst == nil {
		return true
	}
	dst, _ := netip.AddrFromSlice(r.Dst.IP)
	dst = dst.Unmap()
	return !dst.IsLinkLocalUnicast() && !dst.IsMulticast()
}

func routeName(r *netlink.Route) string {
	if r.Dst == nil {
		return "default"
	}
	if bits, _ := r.Dst.Mask.Size(); bits == 0 {
		return "default"
	}
	return r.Dst.String()
}

// readSession adds the interfaces that carry an SSH session: the one that its
// addresses name as zone, the one that has the local address, and the one that
// routes to the remote address.
func (m *machine) readSession(s *sshSession) {
	if s == nil {
		return
	}
	for _, l := range m.links {
		index, name := l.Attrs().Index, l.Attrs().Name
		has := slices.ContainsFunc(m.addrs[index], func(p netip.Prefix) bool { return p.Addr() == s.local.WithZone("") })
		if has || name == s.local.Zone() || name == s.remote.Zone() {
			m.session = append(m.session, index)
		}
	}
	if s.remote.IsLinkLocalUnicast() {
		return // leads everywhere
	}
	routes, err := netlink.RouteGet(s.remote.AsSlice())
	if err != nil {
		return // no way back: not of this namespace
	}
	for _, r := range routes {
		m.session = append(m.session, r.LinkIndex)
	}
}
