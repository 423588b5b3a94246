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
	// watch is true for the programs that let packets go on.
	watch bool
}

// program returns the program for the hook.
func (h hook) program(k *kernel.Objects) *ebpf.Program {
	switch {
	case h.watch && h.direction == Egress:
		return k.WatchOut()
	case h.watch:
		return k.WatchIn()
	case h.mode == flow.ModeTC:
		return k.TC()
	}
	return k.XDP()
}

// attach attaches the right program to an interface. A watching one is the first in the
// chain of programs: another one may let packets pass without showing them to the next.
func (h hook) attach(k *kernel.Objects, index int) (Attachment, error) {
	switch {
	case h.mode == flow.ModeTC && h.filter:
		return attachFilter(index, h.program(k), h.parent())
	case h.watch:
		return link.AttachTCX(link.TCXOptions{Interface: index, Program: h.program(k), Attach: h.tcx(), Anchor: link.Head()})
	case h.mode == flow.ModeTC:
		return link.AttachTCX(link.TCXOptions{Interface: index, Program: h.program(k), Attach: h.tcx()})
	case h.mode == flow.ModeGeneric:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: h.program(k), Flags: link.XDPGenericMode})
	default:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: h.program(k), Flags: link.XDPDriverMode})
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
