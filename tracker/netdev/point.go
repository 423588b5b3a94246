package netdev

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Point describes an attachment point: the interface, the hook, the direction
// of its packets, the tracker's role and where packets go. It also lists the
// settings that were changed for it.
type Point struct {
	Name  string    `json:"name"`
	Index int       `json:"index"`
	Mode  flow.Mode `json:"mode"`
	// Direction is the direction of the packets that the program sees.
	Direction Direction `json:"direction,omitempty"`
	Role      flow.Role `json:"role,omitempty"`
	// To is the index of the point to whose interface a wire forwards packets.
	To      int       `json:"to"`
	Changes []Setting `json:"changes,omitempty"`
	// Forced is set if the operator attached although the machine uses the
	// interface.
	Forced bool `json:"forced,omitempty"`
	// SendDrops is the interface's count of unsent packets at the time of
	// attaching. Unsent is the total of the previous interfaces at this place.
	SendDrops uint64 `json:"send_drops,omitempty"`
	Unsent    uint64 `json:"unsent,omitempty"`
	// Left: the followed interface is gone for good, and another one may have the place.
	Left bool `json:"left,omitempty"`
	// Seen is what the tracker saw come in and go out at the watched interfaces that
	// had this place before. Only the first point of an interface has it.
	Seen [2]flow.Volume `json:"seen,omitzero"`
}

// Wire returns the points of a wire, which forwards packets from each interface
// to the other.
func Wire(a, b Point) []Point {
	a.Role, a.To = flow.RoleWire, 1
	b.Role, b.To = flow.RoleWire, 0
	return []Point{a, b}
}

// IsWire reports whether points are the two points of a wire.
func IsWire(points []Point) bool {
	return len(points) == 2 && points[0].Role == flow.RoleWire && points[1].Role == flow.RoleWire &&
		points[0].To == 1 && points[1].To == 0
}

// IsWatch reports whether all points are those of watched interfaces.
func IsWatch(points []Point) bool {
	return len(points) > 0 && len(points) <= 2*kernel.MaxWatched &&
		!slices.ContainsFunc(points, func(p Point) bool { return p.Role != flow.RoleWatch || p.Mode != flow.ModeTC })
}

// PerInterface returns the first point of each interface.
func PerInterface(points []Point) (first []Point) {
	for _, p := range points {
		if !p.isSecond() {
			first = append(first, p)
		}
	}
	return first
}

// isSecond reports whether the point before it belongs to the same interface. A watched
// interface has a point for incoming packets, followed by one for outgoing packets.
func (p Point) isSecond() bool { return p.Role == flow.RoleWatch && p.Direction == Egress }

// position returns the position of a point's interface among the tracker's interfaces.
func position(points []Point, i int) int { return len(PerInterface(points[:i+1])) - 1 }

// hook returns the hook to which the program is attached.
func (p Point) hook() hook {
	return hook{mode: p.Mode, direction: p.Direction, filter: p.hangsInFilter(), watch: p.Role == flow.RoleWatch}
}

// Valid reports whether the description is well-formed.
func (p Point) Valid() bool {
	return p.Name != "" && p.Index > 0 && p.Direction <= Egress &&
		(p.Mode == flow.ModeNative || p.Mode == flow.ModeTC || p.Mode == flow.ModeGeneric)
}

// Describe returns the point of an interface, with the settings that its mode
// changes.
func (s *Device) Describe() (Point, error) {
	changes, err := needed(s.changes)
	if err != nil {
		return Point{}, err
	}
	return Point{
		Name: s.Name(), Index: s.link.Attrs().Index, Mode: s.mode, Direction: s.direction, Role: s.role, Changes: changes,
		Forced: s.forced, SendDrops: s.sendDrops(),
	}, nil
}

// hangsInFilter reports whether the program is attached by a filter of the
// clsact qdisc.
func (p Point) hangsInFilter() bool {
	return slices.ContainsFunc(p.Changes, func(c Setting) bool { return c.Kind == settingFilter })
}

// Link looks up the interface. It returns an error if the index belongs to
// another interface.
func (p Point) Link() (netlink.Link, error) {
	l, err := netlink.LinkByIndex(p.Index)
	if err != nil {
		return nil, err
	}
	if l.Attrs().Name == p.Name || OwnProgram(l) != 0 {
		return l, nil
	}
	if filters, err := ourFilters(p.Index); err == nil && len(filters) > 0 {
		return l, nil
	}
	return nil, fmt.Errorf("%s is gone: its index now belongs to %s", p.Name, l.Attrs().Name)
}

// Carries reports whether the interface exists and carries a ctop program.
func (p Point) Carries() bool {
	l, err := p.Link()
	return err == nil && OwnProgram(l) != 0
}

// CompletesChecksums reports whether the programs complete checksums for
// senders on the interface that leave them to hardware. It returns true if the
// interface is gone, since that costs little.
func (p Point) CompletesChecksums() bool {
	if p.Mode == flow.ModeTC {
		return false
	}
	l, err := p.Link()
	return err != nil || (&Device{link: l}).Virtual()
}

// State reads the state of the interface from the kernel.
func (p Point) State() flow.Interface {
	is, _ := p.state()
	return is
}

// state also returns the interface itself, nil if it is gone.
func (p Point) state() (flow.Interface, netlink.Link) {
	i := flow.Interface{Name: p.Name, Index: p.Index, Mode: p.Mode, Role: p.Role}
	if p.Left {
		i.Index = 0
		return i, nil
	}
	l, err := p.Link()
	if err != nil {
		i.Index = 0
		return i, nil
	}
	i.Up = l.Attrs().Flags&unix.IFF_UP != 0
	s := Device{link: l}
	i.Virtual, i.MTU = s.Virtual(), l.Attrs().MTU
	if counted := l.Attrs().Statistics; counted != nil {
		i.Received, i.Sent, i.SendDrops = counted.RxPackets, counted.TxPackets, counted.TxDropped
		i.ReceivedBytes = counted.RxBytes
	}
	return i, l
}
