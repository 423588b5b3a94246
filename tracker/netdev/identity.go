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

// An interface can be renamed, and is then known by its index. Once it is gone, be
// it to another network namespace, another one may get that index; what comes back
// under its name is what the operator named. So an interface is known
//
//   - by the program that it carries, whatever it is called and whichever index it
//     has,
//   - else by its name, and then it is attached to again, if the guard lets it pass,
//   - never by its index alone.

// find returns the interface of a point as it is now, nil where it is gone, and
// whether it carries the point's program.
func (a *Attachments) find(i int) (l netlink.Link, attached bool, err error) {
	points := a.registry.Points()
	byIndex, err := orNone(netlink.LinkByIndex(points[i].Index))
	if err != nil {
		return nil, false, err
	}
	byName, err := orNone(netlink.LinkByName(points[i].Name))
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

// isAnother reports whether an interface is the one of another point, and not that of
// this point.
func isAnother(points []Point, i int, l netlink.Link) bool {
	return slices.ContainsFunc(points, func(p Point) bool {
		return p.Index == l.Attrs().Index && p.Name != points[i].Name
	})
}

// orNone makes an interface that is not there, or that none can be, nil and no error.
func orNone(l netlink.Link, err error) (netlink.Link, error) {
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.EINVAL) {
		return nil, nil
	}
	return l, err
}

// attached reports whether the program of a point is on an interface.
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
	// The index that an attachment knows may be one in another namespace.
	if xdp := info.XDP(); xdp != nil {
		now := on.Attrs().Xdp
		return xdp.Ifindex == uint32(on.Attrs().Index) && now != nil && now.Attached && now.ProgId == uint32(info.Program), nil
	}
	if tcx := info.TCX(); tcx != nil {
		return tcx.Ifindex == uint32(on.Attrs().Index) && carriesTCX(on, p.hook().tcx(), info.ID), nil
	}
	return true, nil
}

// carriesTCX reports whether an attachment is one of those of an interface.
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

// OwnProgram returns the id of a tracker's program that is linked to an interface,
// be it another version's; zero where there is none.
func OwnProgram(l netlink.Link) ebpf.ProgramID {
	var ids []ebpf.ProgramID
	if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
		ids = append(ids, ebpf.ProgramID(xdp.ProgId))
	}
	// Before Linux 6.6 this fails: there is no tcx.
	if tcx, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress}); err == nil {
		for _, p := range tcx.Programs {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		if kernel.IsOwn(id) {
			return id
		}
	}
	return 0
}
