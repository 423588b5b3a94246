package netdev

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
)

// settingKind is a device setting that tracking needs otherwise than it was.
type settingKind string

const (
	// settingGRO: frames that XDP sends to a veth arrive only where the other
	// end polls, which it does when it has GRO or a program of its own.
	settingGRO settingKind = "gro"
	// settingTxVLAN: a sender that leaves the VLAN tag to hardware puts it
	// where XDP cannot see it.
	settingTxVLAN settingKind = "tx-vlan-offload"
	// settingRxVLAN: a card that takes VLAN tags off puts them where XDP cannot
	// see them, and what XDP forwards goes out without.
	settingRxVLAN settingKind = "rx-vlan-offload"
	// settingLRO: a card that merges segments loses what is needed to send them
	// as they were.
	settingLRO settingKind = "lro"
	// settingHWGRO: generic XDP has the kernel turn it off, and leaves it off.
	settingHWGRO settingKind = "rx-gro-hw"
	// settingPromisc: a real interface takes frames for other machines only
	// when told to.
	settingPromisc settingKind = "promisc"
	// settingClsact: where there is no tcx, a program needs a qdisc to hang in.
	settingClsact settingKind = "clsact"
	// settingFilter: the filter by which it hangs there. Attaching makes it.
	settingFilter settingKind = "tc-filter"
)

// Setting is a device setting that was changed and is to be put back. It is written
// down before it is made, so that "ctop down" can undo it after a crash.
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

// Active reports whether the setting stands as tracking needs it.
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

// stuck reports whether an offload is otherwise than tracking needs it and cannot
// be changed.
func (c Setting) stuck() bool {
	is, changeable, err := offloads[c.Kind].state(c.Name)
	return err == nil && !is && !changeable
}

// set makes the change, or takes it back.
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

// setFilter adds and removes what a program hangs in where there is no tcx.
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

// needed returns those of the changes that are not in force already.
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

// settingsNow returns the changes to an interface as they are to be taken back: it,
// its peer or the peer's namespace may be called otherwise than when they were
// made, and the way to that namespace may have led through a process that ended.
func settingsNow(l netlink.Link, changes []Setting) []Setting {
	now := slices.Clone(changes)
	for i := range now {
		c := &now[i]
		if c.Kind != settingGRO && c.Kind != settingTxVLAN {
			c.Name = l.Attrs().Name
		} else if p, err := findPeer(l); err == nil {
			c.NetNS, c.Name = p.netns, p.name
		}
	}
	return now
}

// Undo takes changes back, the last one first, and goes on where one fails: what
// is gone needs no putting back.
func Undo(changes []Setting) []error {
	var errs []error
	for i := len(changes) - 1; i >= 0; i-- {
		if err := changes[i].set(false); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// ChangesNow returns what was changed as it is to be taken back, nothing where the
// interface is gone.
func (p Point) ChangesNow() []Setting {
	l, err := p.Link()
	if err != nil {
		return nil
	}
	return settingsNow(l, p.Changes)
}

// Unreached reports whether a setting was not put back because this process cannot get
// there. Another one may.
func Unreached(errs []error) bool {
	return errors.Is(errors.Join(errs...), errPeerUnreachable)
}
