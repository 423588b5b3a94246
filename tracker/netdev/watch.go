package netdev

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// FindWatched looks up the interfaces to watch. It returns two devices for each: one for
// incoming packets, then one for outgoing packets. It returns one device for lo, where
// every packet goes out and comes in.
func FindWatched(names ...string) (devices []*Device, err error) {
	if len(names) > kernel.MaxWatched {
		return nil, flow.Usagef("watch %d interfaces: name at most %d", len(names), kernel.MaxWatched)
	}
	found, err := find(names)
	for _, s := range found {
		devices = append(devices, watchedDevices(s.link)...)
	}
	return devices, err
}

func watchedDevices(l netlink.Link) []*Device {
	in := &Device{link: l, role: flow.RoleWatch, mode: flow.ModeTC}
	if in.isLoopback() {
		return []*Device{in}
	}
	out := *in
	out.direction = Egress
	return []*Device{in, &out}
}

func (s *Device) watches() bool { return s.role == flow.RoleWatch }

func (s *Device) isLoopback() bool { return s.link.Attrs().EncapType == "loopback" }

// PrepareWatched determines the settings that watching needs on the interfaces.
func PrepareWatched(devices []*Device) error { return prepareAll(devices, flow.ModeTC) }

// prepareWatch determines the settings that watching needs on the interface: at most a
// qdisc and a filter. Watching does not change how the interface handles packets.
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

// checkUnwatched refuses an interface that belongs to another tracker. An interface
// that came back may still carry our program for the other direction.
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

// watchedAt returns the data about a point's interface for the programs.
func watchedAt(points []Point, i, index int) (kernel.Watched, error) {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return kernel.Watched{}, fmt.Errorf("look up %s: %w", points[i].Name, err)
	}
	kind := l.Attrs().EncapType
	return kernel.Watched{
		Position:  position(points, i),
		NoLink:    kind != "ether" && kind != "loopback",
		OneSide:   l.Attrs().RawFlags&unix.IFF_LOOPBACK != 0,
		PeerNetns: peerNetns(l),
	}, nil
}

// peerNetns returns the ID of the network namespace in which the other end of a veth or
// netkit is, negative where that is our own.
func peerNetns(l netlink.Link) int {
	if kind := l.Type(); kind != "veth" && kind != "netkit" {
		return -1
	}
	return l.Attrs().NetNsID
}

// keepSeen keeps what was seen at an interface that is gone.
func (a *Attachments) keepSeen(i int) error {
	points := a.registry.Points()
	in, out := a.table.SeenAt(points[i].Index)
	if in.Packets == 0 && out.Packets == 0 {
		return nil
	}
	if points[i].isSecond() {
		i--
	}
	p := points[i]
	p.Seen = [2]flow.Volume{p.Seen[0].Plus(in), p.Seen[1].Plus(out)}
	return a.registry.SetPoint(i, p)
}

// reportWatched adds what was seen at a watched interface, and what stands before the
// tracker there. l is nil if it is gone.
func (a *Attachments) reportWatched(is *flow.Interface, p Point, l netlink.Link) {
	is.In, is.Out = p.Seen[0], p.Seen[1]
	if l == nil {
		return
	}
	in, out := a.table.SeenAt(p.Index)
	is.In, is.Out = is.In.Plus(in), is.Out.Plus(out)
	is.Behind = strings.Join(p.behind(l, a.isOwn), ", ")
}

// behind returns the names of programs that stand before the tracker's at an interface:
// they may take packets, or let them pass that it does not see. Others may come to stand
// there at any time; to take the place back would hide packets from them.
func (p Point) behind(l netlink.Link, own func(ebpf.ProgramID) bool) (names []string) {
	if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
		names = append(names, "the XDP program "+kernel.ProgramName(ebpf.ProgramID(xdp.ProgId)))
	}
	for _, d := range []Direction{Ingress, Egress} {
		before := programsBefore(l, d, own)
		if p.hangsInFilter() {
			before = filtersBefore(l, d)
		}
		for _, name := range before {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// isOwn reports whether a program is a tracker's. Those of other trackers, and of other
// versions, take CAP_SYS_ADMIN to be known.
func (a *Attachments) isOwn(id ebpf.ProgramID) bool { return a.objects.Has(id) || kernel.IsOwn(id) }

// programsBefore returns the names of the programs at a tcx hook before a tracker's.
func programsBefore(l netlink.Link, d Direction, own func(ebpf.ProgramID) bool) (names []string) {
	for _, id := range programsAt(l, d) {
		if own(id) {
			return names
		}
		names = append(names, kernel.ProgramName(id))
	}
	return nil // the tracker's is not there: at lo in one direction
}

// filtersBefore returns the names of the filters of the clsact qdisc before ours.
func filtersBefore(l netlink.Link, d Direction) (names []string) {
	filters, err := netlink.FilterList(l, hook{direction: d}.parent())
	if err != nil {
		return nil
	}
	for _, f := range filters {
		bpf, ok := f.(*netlink.BpfFilter)
		switch {
		case ok && bpf.Name == filterName:
			return names
		case ok:
			names = append(names, "the filter "+bpf.Name)
		default:
			names = append(names, "a filter of kind "+f.Type())
		}
	}
	return nil
}

// noteBehind keeps the warnings about programs that stand before the tracker's.
func (a *Attachments) noteBehind(all flow.Warnings) {
	var behind flow.Warnings
	for _, w := range all {
		if w.Kind == flow.WarningBehind {
			behind = append(behind, w)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.behind = behind
}

// BehindNow returns the latest warnings about programs that stand before the tracker's.
func (a *Attachments) BehindNow() flow.Warnings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.behind
}

// Behind returns a sentence for each watched interface where other programs stand before
// the tracker's.
func (a *Attachments) Behind() (sentences []string) {
	for _, p := range PerInterface(a.registry.Points()) {
		l, err := p.Link()
		if err != nil || p.Role != flow.RoleWatch {
			continue
		}
		if names := p.behind(l, a.isOwn); len(names) > 0 {
			sentences = append(sentences, fmt.Sprintf("behind %s on %s: what that takes or ends is not seen", strings.Join(names, ", "), p.Name))
		}
	}
	return sentences
}

// PeerNamespaces returns, for each watched interface, the ID of the network namespace at
// its other end, or a negative number.
func PeerNamespaces(points []Point) (ids []int) {
	for _, p := range PerInterface(points) {
		id := -1
		if l, err := p.Link(); err == nil {
			id = peerNetns(l)
		}
		ids = append(ids, id)
	}
	return ids
}
