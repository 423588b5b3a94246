package netdev

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Linux before 6.6 has no tcx. There the program is attached by a filter of the
// clsact qdisc, which outlives the process without a pin. Filter and qdisc are
// recorded as changed settings, so that "ctop down" removes them after a crash.

// tcxVersion is the first kernel version with tcx, in the format of
// LINUX_VERSION_CODE.
const tcxVersion = 6<<16 | 6<<8

// filterName is the name of our filters. Filters with other names are not
// touched.
const filterName = "ctop_tc"

// clsactHandle is the fixed handle of the clsact qdisc (linux/pkt_sched.h).
var clsactHandle = netlink.MakeHandle(0xffff, 0)

// filterLink is an Attachment made of a tc filter.
type filterLink struct {
	index  int
	parent uint32
}

// Close does nothing: the filter keeps the program attached.
func (filterLink) Close() error { return nil }

// Pin makes an empty directory. A filter cannot be pinned, so the directory
// records that attaching was completed.
func (filterLink) Pin(path string) error { return os.Mkdir(path, 0o700) }

// Detach removes the filter.
func (l filterLink) Detach() error { return removeFilters(l.index, l.parent) }

// attachFilter attaches a program to the clsact qdisc. It replaces an earlier
// filter of ours.
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

// replaceFilter replaces the program of our filter. The kernel replaces a
// filter if the new one has the same handle (net/sched/cls_bpf.c,
// cls_bpf_change).
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

// removeFilters removes our filters from an interface.
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

// ourFilters lists our filters on an interface. Without parents it lists both
// directions. The list is empty if the interface has no clsact qdisc.
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

// setClsact adds the clsact qdisc, or removes it unless it has filters of others. It is
// recorded as a changed setting only if ctop added it, so a foreign qdisc is never
// removed.
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
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		if filters, err := netlink.FilterList(link, parent); err != nil || len(filters) > 0 {
			return err
		}
	}
	return netlink.QdiscDel(qdisc)
}
