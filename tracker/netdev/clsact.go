package netdev

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Before Linux 6.6 there is no tcx. There a program hangs in a filter of the
// clsact qdisc, which outlives its process by itself. Filter and qdisc are
// changes to the interface, written down like others, so that "ctop down" finds
// them after a crash.

// tcxVersion is the first kernel with tcx, as LINUX_VERSION_CODE has it.
const tcxVersion = 6<<16 | 6<<8

// filterName tells our filter from those of others.
const filterName = "ctop_tc"

// clsactHandle is the qdisc's own handle, which is always the same
// (linux/pkt_sched.h).
var clsactHandle = netlink.MakeHandle(0xffff, 0)

// filterLink is a program that is attached by a filter.
type filterLink struct {
	index  int
	parent uint32
}

// Close leaves the program attached: the filter holds it.
func (filterLink) Close() error { return nil }

// Pin makes a directory, since a filter stays by itself and has nothing that can
// be pinned: it says that attaching was done.
func (filterLink) Pin(path string) error { return os.Mkdir(path, 0o700) }

// Detach removes the filter.
func (l filterLink) Detach() error { return removeFilters(l.index, l.parent) }

// attachFilter attaches a program to the qdisc, in the place of an earlier one
// of ours.
func attachFilter(index int, program *ebpf.Program, parent uint32) (Attachment, error) {
	if err := removeFilters(index, parent); err != nil {
		return nil, err
	}
	filter := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: index, Parent: parent, Priority: 1, Protocol: unix.ETH_P_ALL,
		},
		Fd: program.FD(), Name: filterName, DirectAction: true,
	}
	if err := netlink.FilterAdd(filter); err != nil {
		return nil, fmt.Errorf("add filter: %w", err)
	}
	return filterLink{index: index, parent: parent}, nil
}

// replaceFilter has our filter run another program. The kernel exchanges a filter
// that has the handle of another one (net/sched/cls_bpf.c, cls_bpf_change).
func replaceFilter(index int, program *ebpf.Program, parent uint32) error {
	filters, err := ourFilters(index, parent)
	if err != nil {
		return err
	}
	for _, f := range filters {
		filter := &netlink.BpfFilter{FilterAttrs: *f.Attrs(), Fd: program.FD(), Name: filterName, DirectAction: true}
		if err := netlink.FilterReplace(filter); err != nil {
			return fmt.Errorf("replace filter: %w", err)
		}
	}
	return nil
}

// removeFilters removes what attachFilter attached.
func removeFilters(index int, parents ...uint32) error {
	filters, err := ourFilters(index, parents...)
	if err != nil {
		return err
	}
	for _, f := range filters {
		if err := netlink.FilterDel(f); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove filter: %w", err)
		}
	}
	return nil
}

// ourFilters lists our filters on an interface, of all directions where no parent is
// named, none where the interface has no qdisc for them.
func ourFilters(index int, parents ...uint32) (ours []netlink.Filter, err error) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return nil, fmt.Errorf("find the interface: %w", err)
	}
	has, err := hasClsact(link)
	if err != nil || !has {
		return nil, err
	}
	if len(parents) == 0 {
		parents = []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS}
	}
	for _, parent := range parents {
		filters, err := netlink.FilterList(link, parent)
		if err != nil {
			return nil, fmt.Errorf("list filters: %w", err)
		}
		for _, f := range filters {
			if bpf, ok := f.(*netlink.BpfFilter); ok && bpf.Name == filterName {
				ours = append(ours, f)
			}
		}
	}
	return ours, nil
}

func hasClsact(link netlink.Link) (bool, error) {
	qdiscs, err := netlink.QdiscList(link)
	if err != nil {
		return false, fmt.Errorf("list qdiscs: %w", err)
	}
	for _, q := range qdiscs {
		if q.Type() == "clsact" {
			return true, nil
		}
	}
	return false, nil
}

// setClsact adds the qdisc, or removes it with all its filters: only a qdisc that
// was not there before is ever removed.
func setClsact(link netlink.Link, on bool) error {
	qdisc := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: clsactHandle, Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	}
	if on {
		return netlink.QdiscAdd(qdisc)
	}
	if has, err := hasClsact(link); err != nil || !has {
		return err
	}
	return netlink.QdiscDel(qdisc)
}
