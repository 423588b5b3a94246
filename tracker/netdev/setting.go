package netdev

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
)

// settingKind is a device setting that tracking needs to change.
type settingKind string

const (
	// settingGRO turns GRO on. A veth receives frames from XDP only if its peer
	// runs NAPI, which it does with GRO or an XDP program of its own.
	settingGRO settingKind = "gro"
	// settingTxVLAN turns transmit VLAN offload off. With it, the sender puts
	// the VLAN tag where XDP cannot see it.
	settingTxVLAN settingKind = "tx-vlan-offload"
	// settingTxServiceTag does so for the tags of 802.1ad.
	settingTxServiceTag settingKind = "tx-vlan-stag-hw-insert"
	// settingRxVLAN turns receive VLAN offload off. With it, XDP does not see
	// the tags and forwards frames without them.
	settingRxVLAN settingKind = "rx-vlan-offload"
	// settingRxServiceTag does so for the tags of 802.1ad.
	settingRxServiceTag settingKind = "rx-vlan-stag-hw-parse"
	// settingLRO turns LRO off. Merged segments cannot be forwarded as they
	// came.
	settingLRO settingKind = "lro"
	// settingHWGRO turns hardware GRO off. Generic XDP makes the kernel do so,
	// but the kernel does not turn it on again.
	settingHWGRO settingKind = "rx-gro-hw"
	// settingPromisc turns promiscuous mode on. Without it, a network card
	// drops frames for other machines.
	settingPromisc settingKind = "promisc"
	// settingClsact adds the clsact qdisc that holds the filter if the kernel
	// has no tcx.
	settingClsact settingKind = "clsact"
	// settingFilter is the filter that attaches the program to clsact.
	// Attaching creates it.
	settingFilter settingKind = "tc-filter"
)

// Setting is a device setting that ctop changes and restores. It is recorded
// before the change, so that "ctop down" can restore it after a crash.
type Setting struct {
	Kind  settingKind `json:"kind"`
	NetNS string      `json:"netns,omitempty"`
	Name  string      `json:"name"`
}

func (c Setting) String() string {
	where := c.Name
	if c.NetNS != "" {
		where += " in " + c.NetNS
	}
	return string(c.Kind) + " of " + where
}

// Active reports whether the setting is in the state that tracking needs.
func (c Setting) Active() (is bool, err error) {
	err = inNamespace(c.NetNS, func() error {
		if o, ok := offloads[c.Kind]; ok {
			is, _, err = o.state(c.Name)
			return err
		}
		switch c.Kind {
		case settingPromisc:
			link, err := netlink.LinkByName(c.Name)
			if err != nil {
				return err
			}
			is = link.Attrs().Promisc > 0
			return nil
		case settingClsact:
			link, err := netlink.LinkByName(c.Name)
			if err != nil {
				return err
			}
			is, err = hasClsact(link)
			return err
		case settingFilter:
			return nil
		}
		return fmt.Errorf("change %q is not known", c.Kind)
	})
	return is, err
}

// stuck reports whether an offload is in the wrong state and cannot be changed.
func (c Setting) stuck() bool {
	is, changeable, err := offloads[c.Kind].state(c.Name)
	return err == nil && !is && !changeable
}

// set makes the change, or undoes it.
func (c Setting) set(on bool) error {
	err := inNamespace(c.NetNS, func() error {
		if o, ok := offloads[c.Kind]; ok {
			return o.set(c.Name, on)
		}
		switch c.Kind {
		case settingPromisc:
			return setPromisc(c.Name, on)
		case settingClsact, settingFilter:
			return c.setFilter(on)
		}
		return fmt.Errorf("change %q is not known", c.Kind)
	})
	if err != nil {
		return fmt.Errorf("set %s: %w", c, err)
	}
	return nil
}

// setFilter adds or removes the qdisc or filter that attaches a program without
// tcx.
func (c Setting) setFilter(on bool) error {
	link, err := netlink.LinkByName(c.Name)
	if err != nil {
		return err
	}
	if c.Kind == settingClsact {
		return setClsact(link, on)
	}
	if on {
		return nil
	}
	return removeFilters(link.Attrs().Index)
}

func setPromisc(name string, on bool) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if on {
		return netlink.SetPromiscOn(link)
	}
	return netlink.SetPromiscOff(link)
}

// needed returns the changes that are not in effect yet.
func needed(changes []Setting) ([]Setting, error) {
	var missing []Setting
	for _, c := range changes {
		active, err := c.Active()
		if err != nil {
			return nil, err
		}
		if !active {
			missing = append(missing, c)
		}
	}
	return missing, nil
}

// peerSettings are settings of the peer of a veth.
var peerSettings = []settingKind{settingGRO, settingTxVLAN, settingTxServiceTag}

// settingsNow returns recorded changes with the current names of the interface,
// its peer and the peer's namespace. They may have been renamed, or the process
// whose /proc led to the namespace may have ended.
func settingsNow(l netlink.Link, changes []Setting) []Setting {
	now := slices.Clone(changes)
	for i := range now {
		c := &now[i]
		if !slices.Contains(peerSettings, c.Kind) {
			c.Name = l.Attrs().Name
		} else if p, err := findPeer(l); err == nil {
			c.NetNS, c.Name = p.netns, p.name
		}
	}
	return now
}

// Undo reverts changes in reverse order. It continues after an error, and skips
// interfaces that are gone.
func Undo(changes []Setting) []error {
	var errs []error
	for i := len(changes) - 1; i >= 0; i-- {
		if err := changes[i].set(false); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// ChangesNow returns the recorded changes of the point with current names, nil
// if the interface is gone.
func (p Point) ChangesNow() []Setting {
	l, err := p.Link()
	if err != nil {
		return nil
	}
	return settingsNow(l, p.Changes)
}

// Unreached reports whether a setting could not be restored because this
// process cannot enter its network namespace. Another process may succeed.
func Unreached(errs []error) bool {
	return errors.Is(errors.Join(errs...), errPeerUnreachable)
}
