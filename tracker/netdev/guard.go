package netdev

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// A tracker in the wire consumes every incoming packet, including packets for
// the machine itself. So it refuses to attach to an interface that the machine
// uses.

// machine describes how a network namespace uses its interfaces.
type machine struct {
	links []netlink.Link
	// byIndex are the links by index, once somebody asked.
	byIndex map[int]netlink.Link
	// addrs are the addresses, by interface index.
	addrs map[int][]netip.Prefix
	// routes has one route per interface index. It omits the routes that the
	// kernel adds for link-local and multicast addresses.
	routes map[int]string
	// session are the indexes of the interfaces that carry the operator's SSH
	// session.
	session []int
}

// use describes how the machine uses an interface, such as "has the address
// 192.0.2.1/24". It is empty if the machine does not use the interface.
func (m *machine) use(l netlink.Link) string {
	var uses []string
	if text := m.address(l); text != "" {
		uses = append(uses, text)
	}
	if text := m.master(l); text != "" {
		uses = append(uses, text)
	}
	if text := m.ports(l); text != "" {
		uses = append(uses, text)
	}
	if route := m.routes[l.Attrs().Index]; route != "" && len(uses) == 0 {
		uses = append(uses, "has the route "+route)
	}
	if slices.Contains(m.session, l.Attrs().Index) {
		uses = append(uses, "carries this SSH session")
	}
	if len(uses) == 0 {
		return m.upperUse(l)
	}
	return strings.Join(uses, " and ")
}

// upperUse describes how the machine uses the interfaces stacked on l, since
// their packets come in through l.
func (m *machine) upperUse(l netlink.Link) string {
	for _, upper := range m.links {
		if upper.Attrs().ParentIndex != l.Attrs().Index || upper.Attrs().Index == l.Attrs().Index || !stacked(upper) {
			continue
		}
		if use := m.use(upper); use != "" {
			return fmt.Sprintf("carries %s, which %s", upper.Attrs().Name, use)
		}
	}
	return ""
}

// stacked reports whether a link's parent is its lower device. The parent of a
// veth is its peer, and a parent in another namespace does not count.
func stacked(l netlink.Link) bool {
	switch l.Type() {
	case "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec":
		return l.Attrs().NetNsID < 0
	}
	return false
}

func (m *machine) address(l netlink.Link) string {
	for _, a := range m.addrs[l.Attrs().Index] {
		if !a.Addr().IsLinkLocalUnicast() {
			return "has the address " + a.String()
		}
	}
	return ""
}

// ports describes the other ports between which the machine forwards through an
// interface. Bonds and teams do not count: they merge interfaces into one,
// which can be part of the wire.
func (m *machine) ports(l netlink.Link) string {
	switch l.Type() {
	case "bridge", "vrf", "openvswitch", "hsr", "batadv":
	default:
		return ""
	}
	var names []string
	for _, port := range m.links {
		if port.Attrs().MasterIndex == l.Attrs().Index {
			names = append(names, port.Attrs().Name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "has the port " + names[0]
	}
	return fmt.Sprintf("has the ports %s and %d more", names[0], len(names)-1)
}

// masterNames are the display names of master kinds, if they differ from the
// kernel's.
var masterNames = map[string]string{"openvswitch": "Open vSwitch", "vrf": "VRF"}

func (m *machine) master(l netlink.Link) string {
	index := l.Attrs().MasterIndex
	if index == 0 {
		return ""
	}
	for _, master := range m.links {
		if master.Attrs().Index != index {
			continue
		}
		kind := master.Type()
		if name, known := masterNames[kind]; known {
			kind = name
		}
		return fmt.Sprintf("is a port of the %s %s", kind, master.Attrs().Name)
	}
	return fmt.Sprintf("is a port of the interface with index %d", index)
}

// Guard returns ErrUsed for an interface that the machine uses. With force it
// returns notes about such uses instead. connection is the variable
// SSH_CONNECTION.
func Guard(devices []*Device, connection string, force bool) (notes []string, err error) {
	m, err := readMachineFully(connection)
	if err != nil {
		return nil, err
	}
	for _, s := range devices {
		use := m.use(s.link)
		if use == "" {
			continue
		}
		if !force {
			return nil, fmt.Errorf("attach to %s: %w: it %s; ctop would take every packet, and the machine would answer nobody there: "+
				"only look on with --watch %[1]s, name another interface, or use --force", s.Name(), ErrUsed, use)
		}
		s.forced = true
		notes = append(notes, fmt.Sprintf("forced: %s %s, and the machine answers nobody there while the tracker runs", s.Name(), use))
	}
	return notes, nil
}

// GuardSession returns ErrUsed for an interface by which the operator's SSH session arrives.
// Watching with the policy enforce would cut it, since it is older than the tracker. With
// force it returns a note instead.
func GuardSession(devices []*Device, connection string, force bool) (notes []string, err error) {
	m, err := readMachineFully(connection)
	if err != nil {
		return nil, err
	}
	for _, s := range devices {
		switch {
		case s.direction != Ingress || !m.carriesSession(s.link):
		case force:
			notes = append(notes, "forced: "+s.Name()+" carries this SSH session, which is cut")
		default:
			return nil, fmt.Errorf("watch %s: %w: it carries this SSH session, which is older than the tracker, so the policy enforce would cut it: "+
				"watch with --policy observe, or use --force", s.Name(), ErrUsed)
		}
	}
	return notes, nil
}

// carriesSession reports whether the session arrives by an interface, or by one that is
// stacked on it.
func (m *machine) carriesSession(l netlink.Link) bool {
	if slices.Contains(m.session, l.Attrs().Index) {
		return true
	}
	return slices.ContainsFunc(m.links, func(upper netlink.Link) bool {
		return upper.Attrs().ParentIndex == l.Attrs().Index && upper.Attrs().Index != l.Attrs().Index && stacked(upper) && m.carriesSession(upper)
	})
}

// readMachineFully reads everything that Guard checks.
func readMachineFully(connection string) (*machine, error) {
	m, err := readMachine()
	if err == nil {
		err = m.readRoutes()
	}
	if err != nil {
		return nil, err
	}
	m.readSession(findSession(connection))
	return m, nil
}

// admit applies Guard to an interface that came back. A refusal is remembered
// until the kernel reports a change or lookAgain passes.
func (a *Attachments) admit(i int, s *Device) error {
	if s.forced || s.watches() {
		return nil
	}
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	known := a.uses.refused[i]
	if known.index == s.link.Attrs().Index && time.Since(known.read) < lookAgain {
		return known.err
	}
	delete(a.uses.refused, i)
	m, err := readMachineFully(a.connection)
	if err != nil {
		return err
	}
	use := m.use(s.link)
	if use == "" {
		return nil
	}
	err = fmt.Errorf("%w: it %s; ctop would take every packet, and the machine would answer nobody there: end that use, or start ctop again with --watch or --force",
		ErrUsed, use)
	a.uses.refuse(i, refusedLink{index: s.link.Attrs().Index, err: err, read: time.Now()})
	return err
}
