package netdev

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/kernel"
)

// An interface can be renamed, and keeps its index. An interface that is deleted or
// moved to another network namespace frees its index for another one. The operator
// names interfaces, so an interface that appears under the name replaces the old one.
// The tracker identifies an interface
//
//   - by the attached program, whatever its name and index,
//   - else by its name: the tracker attaches again if the guard admits it,
//   - never by its index alone.

// find returns the current interface of point i, nil if it is gone. attached
// reports whether it carries the point's program.
func (a *Attachments) find(i int) (l netlink.Link, attached bool, err error) {
	points := a.registry.Points()
	byIndex, byName, err := a.lookUp(points[i])
	if err != nil {
		return nil, false, err
	}
	for _, l := range []netlink.Link{byIndex, byName} {
		if l == nil || isAnother(points, i, l) {
			continue
		}
		if attached, err := a.attached(i, l); err != nil || attached {
			return l, attached, err
		}
	}
	if byName != nil && isAnother(points, i, byName) {
		return nil, false, nil // another point is called so now
	}
	return byName, false, nil
}

// lookUp returns the interfaces that have the index and the name of a point, nil for none.
func (a *Attachments) lookUp(p Point) (byIndex, byName netlink.Link, err error) {
	if a.seen != nil {
		return a.seen.link(p.Index), a.seen.named(p.Name), nil
	}
	if byIndex, err = orNone(netlink.LinkByIndex(p.Index)); err != nil {
		return nil, nil, err
	}
	byName, err = orNone(netlink.LinkByName(p.Name))
	return byIndex, byName, err
}

// isAnother reports whether an interface belongs to another point than i, and not to the
// point for the other direction, which may know already how it is called now.
func isAnother(points []Point, i int, l netlink.Link) bool {
	for j, p := range points {
		if !p.Left && p.Index == l.Attrs().Index && p.Name != points[i].Name && !together(points, i, j) {
			return true
		}
	}
	return false
}

// together reports whether two points are those of one watched interface.
func together(points []Point, i, j int) bool {
	first, last := min(i, j), max(i, j)
	return first == last || first+1 == last && points[last].isSecond()
}

// orNone returns nil and no error for an interface that does not exist.
func orNone(l netlink.Link, err error) (netlink.Link, error) {
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.EINVAL) {
		return nil, nil
	}
	return l, err
}

// isGone reports whether an error means that an interface has gone meanwhile.
func isGone(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing) || errors.Is(err, unix.ENODEV)
}

// attached reports whether the program of point i is attached to an interface.
func (a *Attachments) attached(i int, on netlink.Link) (bool, error) {
	p := a.registry.Points()[i]
	if p.hangsInFilter() {
		filters, err := ourFilters(on.Attrs().Index, p.hook().parent())
		return len(filters) > 0, err
	}
	l, ok := a.links[i].(link.Link)
	if !ok {
		pinned, err := link.LoadPinnedLink(filepath.Join(a.dir, LinkPin(i)), nil)
		if err != nil {
			return false, fmt.Errorf("open the attachment: %w", err)
		}
		defer func() { _ = pinned.Close() }()
		l = pinned
	}
	info, err := l.Info()
	if err != nil {
		return false, fmt.Errorf("inspect the attachment: %w", err)
	}
	// The index in the link's info may belong to another namespace.
	if xdp := info.XDP(); xdp != nil {
		now := on.Attrs().Xdp
		return xdp.Ifindex == uint32(on.Attrs().Index) && now != nil && now.Attached && now.ProgId == uint32(info.Program), nil
	}
	if tcx := info.TCX(); tcx != nil {
		return tcx.Ifindex == uint32(on.Attrs().Index) && carriesTCX(on, p.hook().tcx(), info.ID), nil
	}
	return true, nil
}

// carriesTCX reports whether a tcx link is attached to an interface.
func carriesTCX(on netlink.Link, hook ebpf.AttachType, id link.ID) bool {
	tcx, err := link.QueryPrograms(link.QueryOptions{Target: on.Attrs().Index, Attach: hook})
	if err != nil {
		return false
	}
	for _, p := range tcx.Programs {
		if its, ok := p.LinkID(); ok && its == id {
			return true
		}
	}
	return false
}

// OwnProgram returns the ID of the ctop program that is attached to an
// interface by a BPF link. The program may be of another version. The ID is 0
// if there is none.
func OwnProgram(l netlink.Link) ebpf.ProgramID {
	var ids []ebpf.ProgramID
	if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
		ids = append(ids, ebpf.ProgramID(xdp.ProgId))
	}
	return firstOwn(append(ids, slices.Concat(programsAt(l, Ingress), programsAt(l, Egress))...))
}

// firstOwn returns the first program that is a tracker's, zero where none is.
func firstOwn(ids []ebpf.ProgramID) ebpf.ProgramID {
	for _, id := range ids {
		if kernel.IsOwn(id) {
			return id
		}
	}
	return 0
}

// programsAt returns the programs at a tcx hook, first to last. Before Linux 6.6 there
// are none.
func programsAt(l netlink.Link, d Direction) (ids []ebpf.ProgramID) {
	tcx, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: hook{direction: d}.tcx()})
	if err != nil {
		return nil
	}
	for _, p := range tcx.Programs {
		ids = append(ids, p.ID)
	}
	return ids
}
