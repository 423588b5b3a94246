package netdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// linkPin is the prefix of the names under which attachments are pinned.
const linkPin = "link"

// LinkPin returns the name under which the attachment of point i is pinned.
func LinkPin(i int) string { return linkPin + strconv.Itoa(i) }

// Attachment is a program attached to an interface.
type Attachment interface {
	// Close closes this process's descriptor of the attachment. A pinned
	// attachment stays.
	Close() error
	Detach() error
	// Pin pins the attachment, so that it outlives the process.
	Pin(path string) error
}

// Device is an interface that a tracker is about to attach to.
type Device struct {
	link netlink.Link
	mode flow.Mode
	// filter makes tc mode use a filter even if the kernel has tcx.
	filter bool
	// forced is set if the operator attaches although the machine itself uses
	// the interface.
	forced bool
	// direction is the direction of the packets that the program sees.
	direction Direction
	// role is what the tracker does with them.
	role flow.Role
	// replaces: it was one of the tracker's interfaces before.
	replaces bool
	// changes are the settings that the mode changes on the interface.
	changes []Setting
	// obstacle is the reason why the mode cannot be used, or nil.
	obstacle error
}

// Name returns the name of the interface.
func (s *Device) Name() string { return s.link.Attrs().Name }

// Mode returns the attachment mode of the interface.
func (s *Device) Mode() flow.Mode { return s.mode }

// UseFilter makes tc mode use a filter even if the kernel has tcx.
func (s *Device) UseFilter() { s.filter = true }

func (s *Device) hook() hook {
	return hook{mode: s.mode, direction: s.direction, filter: s.filter, watch: s.watches()}
}

// Virtual reports whether the driver is a virtual one. Its frames never reach a
// wire, so senders leave their checksums incomplete.
func (s *Device) Virtual() bool {
	switch s.link.Type() {
	case "veth", "tuntap", "tun", "netkit":
		return true
	}
	return false
}

// Find looks up interfaces by name. It returns an error if the programs cannot
// be attached to one of them.
func Find(names ...string) ([]*Device, error) {
	devices, err := find(names)
	for _, s := range devices {
		if s.isLoopback() {
			return nil, flow.Usagef("attach to %s: a loopback interface cannot forward: name two others, or watch it with --watch", s.Name())
		}
	}
	return devices, err
}

// find looks up interfaces.
func find(names []string) ([]*Device, error) {
	var devices []*Device
	seen := map[int]bool{}
	for _, name := range names {
		l, err := netlink.LinkByName(name)
		if err != nil {
			var missing netlink.LinkNotFoundError
			if errors.As(err, &missing) {
				return nil, flow.Usagef("attach to %s: no such interface in this network namespace: \"ip link\" lists them", name)
			}
			return nil, fmt.Errorf("look up %s: %w", name, err)
		}
		devices = append(devices, &Device{link: l})
	}
	for _, s := range devices {
		index := s.link.Attrs().Index
		if seen[index] {
			return nil, flow.Usagef("attach to %s: it was named twice: name it once", s.Name())
		}
		seen[index] = true
	}
	return devices, nil
}

// Check returns an error if the programs cannot be attached to the interface.
// occupied explains what to do about a ctop program that is already attached.
func (s *Device) Check(occupied func(name string, id ebpf.ProgramID) error) error {
	if s.watches() {
		return s.checkUnwatched(occupied)
	}
	return errors.Join(s.checkEthernet(), s.checkFree(occupied))
}

// checkEthernet refuses an interface without Ethernet headers, since the
// programs parse nothing else.
func (s *Device) checkEthernet() error {
	if kind := s.link.Attrs().EncapType; kind != "ether" {
		return flow.Usagef("attach to %s: it does not carry Ethernet frames (its link type is %s): name an Ethernet interface", s.Name(), kind)
	}
	return nil
}

// checkFree refuses an interface that already carries a program.
func (s *Device) checkFree(occupied func(name string, id ebpf.ProgramID) error) error {
	if id := OwnProgram(s.link); id != 0 {
		return fmt.Errorf("attach to %s: %w", s.Name(), occupied(s.Name(), id))
	}
	xdp := s.link.Attrs().Xdp
	if xdp != nil && xdp.Attached {
		return fmt.Errorf("attach to %s: %w: it carries an XDP program (id %d) that is not ctop's: detach it first, as with \"ip link set dev %s xdp off\"",
			s.Name(), ErrBusy, xdp.ProgId, s.Name())
	}
	return nil
}

// attach attaches the program of the mode and direction to an interface.
func attach(k *kernel.Objects, s *Device) (Attachment, error) {
	l, err := s.hook().attach(k, s.link.Attrs().Index)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("attach to %s: %w: it carries a foreign program: detach it first", s.Name(), ErrBusy)
	}
	if lacksNative(err) && s.mode != flow.ModeTC {
		return nil, refused(k, s, err)
	}
	if err != nil {
		return nil, kernel.ExplainPermission("attach to "+s.Name(), fmt.Errorf("attach to %s in %s mode: %w", s.Name(), s.mode, err))
	}
	return l, nil
}

// attachAll attaches to all interfaces, or to none if one of them fails.
func attachAll(k *kernel.Objects, devices []*Device) ([]Attachment, error) {
	links := make([]Attachment, len(devices))
	for i, s := range devices {
		l, err := attach(k, s)
		if err != nil {
			for _, l := range links[:i] {
				_ = l.Close() // whatever else it left, closing the tracker removes
			}
			return nil, err
		}
		links[i] = l
	}
	return links, nil
}

// LacksNative reports whether attaching failed because a driver does not
// support native XDP.
func LacksNative(devices []*Device, err error) bool {
	return len(devices) > 0 && devices[0].mode == flow.ModeNative && lacksNative(err)
}

// lacksNative reports whether the driver lacks XDP support, as opposed to
// another error.
func lacksNative(err error) bool {
	return slices.ContainsFunc([]error{unix.EOPNOTSUPP, unix.EINVAL, unix.ERANGE, unix.ENOMEM, unix.ENOSPC},
		func(refusal error) bool { return errors.Is(err, refusal) })
}

// Unpin removes the pinned attachments from dir and returns them.
func Unpin(dir string) (links []Attachment, errs []error) {
	pins, _ := filepath.Glob(filepath.Join(dir, linkPin+"[0-9]*")) // the pattern is right
	for _, path := range pins {
		if l, err := link.LoadPinnedLink(path, nil); err == nil {
			links = append(links, l)
		}
		// The pin of a filter is an empty directory.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove pins: %w", err))
		}
	}
	return links, errs
}

// Detach detaches programs. It skips attachments whose interface is gone: the
// kernel has detached them.
func Detach(links []Attachment) []error {
	var errs []error
	for _, l := range links {
		if l == nil {
			continue
		}
		if err := l.Detach(); err != nil && !errors.Is(err, unix.ENOLINK) && !isGone(err) {
			errs = append(errs, fmt.Errorf("detach: %w", err))
		}
	}
	return errs
}

// InterfaceName returns the name of the interface in this network namespace
// that has the given name or alternative name (ip link property add altname).
// It returns an error if there is no such interface.
func InterfaceName(name string) (string, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", name, err)
	}
	return l.Attrs().Name, nil
}
