package tracker

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// An interface can be renamed, and is then known by its index. Once it is gone, be
// it to another network namespace, another one may get that index; what comes back
// under its name is what the operator named. So an interface is known
//
//   - by the program that it carries, whatever it is called and whichever index it
//     has,
//   - else by its name, and then it is attached to anew, if the guard lets it pass,
//   - never by its index alone.

// find returns the interface of a side as it is now, nil where it is gone, and
// whether it carries the side's program.
func (t *Tracker) find(i int) (l netlink.Link, attached bool, err error) {
	sides := t.interfaces()
	byIndex, err := orNone(netlink.LinkByIndex(sides[i].Index))
	if err != nil {
		return nil, false, err
	}
	byName, err := orNone(netlink.LinkByName(sides[i].Name))
	if err != nil {
		return nil, false, err
	}
	for _, l := range []netlink.Link{byIndex, byName} {
		if l == nil || l.Attrs().Index == sides[1-i].Index {
			continue
		}
		if attached, err := t.attached(i, l); err != nil || attached {
			return l, attached, err
		}
	}
	if byName != nil && byName.Attrs().Index == sides[1-i].Index {
		return nil, false, nil // the other side is called so now
	}
	return byName, false, nil
}

// orNone makes an interface that is not there, or that none can be, nil and no error.
func orNone(l netlink.Link, err error) (netlink.Link, error) {
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.EINVAL) {
		return nil, nil
	}
	return l, err
}

// attached reports whether the program of a side is on an interface.
func (t *Tracker) attached(i int, on netlink.Link) (bool, error) {
	if t.interfaces()[i].hangsInFilter() {
		filters, err := ourFilters(on.Attrs().Index)
		return len(filters) > 0, err
	}
	l, ok := t.links[i].(link.Link)
	if !ok {
		pinned, err := link.LoadPinnedLink(filepath.Join(t.dir, linkPins[i]), nil)
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
		return tcx.Ifindex == uint32(on.Attrs().Index) && carriesTCX(on, info.ID), nil
	}
	return true, nil
}

// carriesTCX reports whether an attachment is one of those of an interface.
func carriesTCX(on netlink.Link, id link.ID) bool {
	tcx, err := link.QueryPrograms(link.QueryOptions{Target: on.Attrs().Index, Attach: ebpf.AttachTCXIngress})
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

// link finds the interface of a description. Where another one has its index, the
// interface is gone.
func (m ifaceMeta) link() (netlink.Link, error) {
	l, err := netlink.LinkByIndex(m.Index)
	if err != nil {
		return nil, err
	}
	if l.Attrs().Name == m.Name || ownProgram(l) != 0 {
		return l, nil
	}
	if filters, err := ourFilters(m.Index); err == nil && len(filters) > 0 {
		return l, nil
	}
	return nil, fmt.Errorf("%s is gone: its index now belongs to %s", m.Name, l.Attrs().Name)
}
