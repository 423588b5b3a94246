package netdev

import (
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
)

// locals caches the addresses of this machine.
type locals struct {
	mu   sync.Mutex
	read time.Time
}

// UpdateLocals tells the table which addresses are those of this machine, at each
// watched interface. It reads them again after [Attachments.ForgetUses] and after some
// time. If it cannot, those from before remain.
func (a *Attachments) UpdateLocals() {
	points := a.registry.Points()
	if !IsWatch(points) {
		return
	}
	a.locals.mu.Lock()
	defer a.locals.mu.Unlock()
	if time.Since(a.locals.read) < lookAgain {
		return
	}
	m, err := readMachine()
	if err != nil {
		return
	}
	a.table.SetLocals(m.locals(PerInterface(points)))
	a.locals.read = time.Now()
}

// locals returns the machine's addresses at each of the points.
func (m *machine) locals(points []Point) flow.Locals {
	byVRF := map[int]map[[16]byte]struct{}{}
	for index, prefixes := range m.addrs {
		vrf := m.vrfOf(index)
		if byVRF[vrf] == nil {
			byVRF[vrf] = map[[16]byte]struct{}{}
		}
		for _, p := range prefixes {
			byVRF[vrf][p.Addr().As16()] = struct{}{}
		}
	}
	list := make(flow.Locals, len(points))
	for i, p := range points {
		l := m.link(p.Index)
		if l == nil || m.bridges(l) {
			continue
		}
		list[i] = flow.Addresses{Of: byVRF[m.vrfOf(p.Index)], Loopback: (&Device{link: l}).isLoopback()}
	}
	return list
}

// bridges reports whether an interface belongs to a switch. Its packets are between
// others, which may have the addresses that this machine has elsewhere.
func (m *machine) bridges(l netlink.Link) bool {
	master := m.link(l.Attrs().MasterIndex)
	return master != nil && (master.Type() == "bridge" || master.Type() == "openvswitch")
}

// deepest bounds how many masters stand above each other.
const deepest = 8

// vrfOf returns the index of the VRF to which an interface belongs, 0 if to none. Each
// VRF has addresses of its own.
func (m *machine) vrfOf(index int) int {
	for range deepest {
		l := m.link(index)
		if l == nil {
			return 0
		}
		if l.Type() == "vrf" {
			return index
		}
		index = l.Attrs().MasterIndex
	}
	return 0
}

// link returns the interface with an index, nil if there is none.
func (m *machine) link(index int) netlink.Link {
	if m.byIndex == nil {
		m.byIndex = make(map[int]netlink.Link, len(m.links))
		for _, l := range m.links {
			m.byIndex[l.Attrs().Index] = l
		}
	}
	return m.byIndex[index]
}

// named returns the interface with a name, nil if there is none.
func (m *machine) named(name string) netlink.Link {
	for _, l := range m.links {
		if l.Attrs().Name == name {
			return l
		}
	}
	return nil
}
