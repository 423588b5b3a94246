package tracker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

const asmXDPGetBuffLen = asm.FnXdpGetBuffLen

// linkPins are the names under which the two attachments are pinned.
var linkPins = [2]string{"link0", "link1"}

// attachment is a program on an interface.
type attachment interface {
	// Close gives back what this process holds of it.
	Close() error
	Detach() error
	// Pin keeps it when the process ends.
	Pin(path string) error
}

// side is one of the two interfaces while it is being attached.
type side struct {
	link netlink.Link
	mode flow.Mode
	// filter says that tc mode is to use a filter where it could use tcx.
	filter bool
	// forced says that the machine itself uses the interface.
	forced bool
	// changes are what the mode needs here.
	changes []change
	// obstacle is why the mode is out of the question, where it is.
	obstacle error
}

func (s *side) name() string { return s.link.Attrs().Name }

// virtual reports whether the driver is one whose frames never see a wire, and
// whose senders therefore leave checksums undone.
func (s *side) virtual() bool {
	switch s.link.Type() {
	case "veth", "tuntap", "tun", "netkit":
		return true
	}
	return false
}

// findSides looks the interfaces up and refuses what cannot be attached to.
func findSides(names [2]string) (sides [2]*side, err error) {
	for i, name := range names {
		l, err := netlink.LinkByName(name)
		if err != nil {
			var missing netlink.LinkNotFoundError
			if errors.As(err, &missing) {
				return sides, flow.Usagef("attach to %s: no such interface in this network namespace: \"ip link\" lists them", name)
			}
			return sides, fmt.Errorf("look up %s: %w", name, err)
		}
		if l.Attrs().EncapType == "loopback" {
			return sides, flow.Usagef("attach to %s: a loopback interface cannot forward: name two others", name)
		}
		sides[i] = &side{link: l}
	}
	if sides[0].link.Attrs().Index == sides[1].link.Attrs().Index {
		return sides, flow.Usagef("attach to %s: it was named twice: name two interfaces", names[0])
	}
	return sides, nil
}

// checkEthernet refuses an interface whose packets have no Ethernet header: the
// programs would understand none of them.
func (s *side) checkEthernet() error {
	if kind := s.link.Attrs().EncapType; kind != "ether" {
		return flow.Usagef("attach to %s: it does not carry Ethernet frames (its link type is %s): name an Ethernet interface", s.name(), kind)
	}
	return nil
}

// checkFree refuses an interface that carries a program already.
func (s *side) checkFree() error {
	if id := ownProgram(s.link); id != 0 {
		return fmt.Errorf("attach to %s: %w", s.name(), errOccupied(s.name(), id))
	}
	xdp := s.link.Attrs().Xdp
	if xdp != nil && xdp.Attached {
		return fmt.Errorf("attach to %s: %w: it carries an XDP program (id %d) that is not ctop's: detach it first, as with \"ip link set dev %s xdp off\"",
			s.name(), ErrBusy, xdp.ProgId, s.name())
	}
	return nil
}

// attach attaches the right program to one side.
func (k *kernel) attach(s *side) (attachment, error) {
	l, err := k.attachTo(s, s.link.Attrs().Index)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("attach to %s: %w: it carries a foreign program: detach it first", s.name(), ErrBusy)
	}
	if errNoNative(err) && s.mode != flow.ModeTC {
		return nil, k.refused(s, err)
	}
	if err != nil {
		return nil, explainPermission("attach to "+s.name(), fmt.Errorf("attach to %s in %s mode: %w", s.name(), s.mode, err))
	}
	return l, nil
}

func (k *kernel) attachTo(s *side, index int) (attachment, error) {
	switch {
	case s.mode == flow.ModeTC && s.filter:
		return attachFilter(index, k.tc)
	case s.mode == flow.ModeTC:
		return link.AttachTCX(link.TCXOptions{Interface: index, Program: k.tc, Attach: ebpf.AttachTCXIngress})
	case s.mode == flow.ModeGeneric:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: k.xdp, Flags: link.XDPGenericMode})
	default:
		return link.AttachXDP(link.XDPOptions{Interface: index, Program: k.xdp, Flags: link.XDPDriverMode})
	}
}

// attachBoth attaches to both sides or to none.
func (k *kernel) attachBoth(sides [2]*side) (links [2]attachment, err error) {
	for i, s := range sides {
		if links[i], err = k.attach(s); err != nil {
			if i == 1 {
				_ = links[0].Close() // whatever else it left, closing the tracker removes
			}
			return [2]attachment{}, err
		}
	}
	return links, nil
}

// errNoNative reports whether an attachment failed because the driver cannot do
// it, rather than because something is wrong.
func errNoNative(err error) bool {
	return slices.ContainsFunc([]error{unix.EOPNOTSUPP, unix.EINVAL, unix.ERANGE, unix.ENOMEM, unix.ENOSPC},
		func(refusal error) bool { return errors.Is(err, refusal) })
}

// unpinLinks removes the pins of the attachments in the directory and returns
// what was pinned.
func unpinLinks(dir string) (links []attachment, errs []error) {
	for _, name := range linkPins {
		path := filepath.Join(dir, name)
		if l, err := link.LoadPinnedLink(path, nil); err == nil {
			links = append(links, l)
		}
		// That of a filter is an empty directory.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove pins: %w", err))
		}
	}
	return links, errs
}
