package netdev

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Direction is the direction of packets at an interface, relative to the
// machine.
type Direction uint8

// Direction has no other values.
const (
	// Ingress means that packets come in through the interface.
	Ingress Direction = iota
	// Egress means that packets go out through the interface.
	Egress
)

// hook is the place in the kernel where a program sees an interface's packets.
type hook struct {
	mode      flow.Mode
	direction Direction
	// filter selects a filter of the clsact qdisc instead of tcx.
	filter bool
}

// attach attaches the program of the hook to an interface.
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

// tcx returns the tcx attach type of the direction.
func (h hook) tcx() ebpf.AttachType {
	if h.direction == Egress {
		return ebpf.AttachTCXEgress
	}
	return ebpf.AttachTCXIngress
}

// parent returns the class of the clsact qdisc that holds the direction's
// filters.
func (h hook) parent() uint32 {
	if h.direction == Egress {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}
