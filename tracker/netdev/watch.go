package netdev

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// FindWatched looks up interfaces that are to be watched. Each is two devices: one for
// the packets that come in, then one for those that go out; lo is one, since every
// packet there does both.
func FindWatched(names ...string) (devices []*Device, err error) {
	if len(names) > kernel.MaxWatched {
		return nil, flow.Usagef("watch %d interfaces: name at most %d", len(names), kernel.MaxWatched)
	}
	found, err := find(names)
	for _, s := range found {
		s.role, s.mode = flow.RoleWatch, flow.ModeTC
		devices = append(devices, s)
		if !s.isLoopback() {
			out := *s
			out.direction = Egress
			devices = append(devices, &out)
		}
	}
	return devices, err
}

func (s *Device) watches() bool { return s.role == flow.RoleWatch }

func (s *Device) isLoopback() bool { return s.link.Attrs().EncapType == "loopback" }

// PrepareWatched finds out what watching needs on the interfaces.
func PrepareWatched(devices []*Device) error { return prepareAll(devices, flow.ModeTC) }

// prepareWatch finds out what watching needs on the interface. It changes none of its
// settings: packets come in and go out as they would without a tracker.
func (s *Device) prepareWatch() {
	if !s.filter && haveTCX() {
		return
	}
	s.filter = true
	if s.direction == Ingress { // the qdisc is for both directions
		s.changes = append(s.changes, Setting{Kind: settingClsact, Name: s.Name()})
	}
	s.changes = append(s.changes, Setting{Kind: settingFilter, Name: s.Name()})
}

// checkUnwatched refuses an interface that another tracker has. One that comes back may
// still carry the program of the other direction.
func (s *Device) checkUnwatched(occupied func(name string, id ebpf.ProgramID) error) error {
	id := OwnProgram(s.link)
	if s.replaces {
		id = firstOwn(programsAt(s.link, s.direction))
	}
	if id != 0 {
		return fmt.Errorf("watch %s: %w", s.Name(), occupied(s.Name(), id))
	}
	return nil
}

// watchedAt returns what the programs are to know of the interface of a point.
func watchedAt(points []Point, i, index int) (kernel.Watched, error) {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return kernel.Watched{}, fmt.Errorf("look up %s: %w", points[i].Name, err)
	}
	kind := l.Attrs().EncapType
	return kernel.Watched{
		Position: position(points, i),
		NoLink:   kind != "ether" && kind != "loopback",
		OneSide:  l.Attrs().RawFlags&unix.IFF_LOOPBACK != 0,
	}, nil
}

// Behind returns the names of programs that stand before a watching one in its chain,
// by interface: they may let packets pass that it does not see.
func (a *Attachments) Behind() (names []string) {
	for _, p := range a.registry.Points() {
		if p.Role != flow.RoleWatch || p.hangsInFilter() {
			continue
		}
		l, err := p.Link()
		if err != nil {
			continue
		}
		for _, id := range programsAt(l, p.Direction) {
			if kernel.IsOwn(id) {
				break
			}
			names = append(names, fmt.Sprintf("%s on %s", kernel.ProgramName(id), p.Name))
		}
	}
	return names
}
