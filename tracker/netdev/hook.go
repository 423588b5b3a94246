package netdev

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Direction is the way of packets at an interface, as seen from the machine.
type Direction uint8

// The directions, a closed set.
const (
	// Ingress: packets come in by the interface.
	Ingress Direction = iota
	// Egress: packets leave by the interface.
	Egress
)

// hook is where a program sees the packets of an interface.
type hook struct {
	mode      flow.Mode
	direction Direction
	// filter is true for a filter of the clsact qdisc in place of tcx.
	filter bool
}

// attach attaches the right program to an interface.
func (h hook) attach(k *kernel.Objects, index int) (Attachment, error) {
	switch {
	case h.mode == flow.ModeTC && h.filter:
		return attachFilter(index, k.TC(), h.parent())
	case h.mode == flow.ModeTC:
		return link.AttachTCX(link.TCXOptions{Interface: index, Program: k.TC(), Attach: h.tcx()})
	case h.mode == flow.ModeGeneric:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: k.XDP(), Flags: link.XDPGenericMode})
	default:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: k.XDP(), Flags: link.XDPDriverMode})
	}
}

// tcx returns the tcx hook of the direction.
func (h hook) tcx() ebpf.AttachType {
	if h.direction == Egress {
		return ebpf.AttachTCXEgress
	}
	return ebpf.AttachTCXIngress
}

// parent returns the class of the clsact qdisc that has the filters of the direction.
func (h hook) parent() uint32 {
	if h.direction == Egress {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}
