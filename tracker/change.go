package tracker

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
)

// changeKind is a device setting that tracking needs otherwise than it was.
type changeKind string

const (
	// changeGRO: frames that XDP sends to a veth arrive only where the other
	// end polls, which it does when it has GRO or a program of its own.
	changeGRO changeKind = "gro"
	// changeTxVLAN: a sender that leaves the VLAN tag to hardware puts it
	// where XDP cannot see it.
	changeTxVLAN changeKind = "tx-vlan-offload"
	// changeRxVLAN: a card that takes VLAN tags off puts them where XDP cannot
	// see them, and what XDP forwards goes out without.
	changeRxVLAN changeKind = "rx-vlan-offload"
	// changeLRO: a card that merges segments loses what is needed to send them
	// as they were.
	changeLRO changeKind = "lro"
	// changeHWGRO: generic XDP has the kernel turn it off, and leaves it off.
	changeHWGRO changeKind = "rx-gro-hw"
	// changePromisc: a real interface takes frames for other machines only
	// when told to.
	changePromisc changeKind = "promisc"
	// changeClsact: where there is no tcx, a program needs a qdisc to hang in.
	changeClsact changeKind = "clsact"
	// changeFilter: the filter by which it hangs there. Attaching makes it.
	changeFilter changeKind = "tc-filter"
)

// change is one setting that was changed and is to be put back. It is written
// down before it is made, so that "ctop down" can undo it after a crash.
type change struct {
	Kind  changeKind `json:"kind"`
	NetNS string     `json:"netns,omitempty"`
	Name  string     `json:"name"`
}

func (c change) String() string {
	where := c.Name
	if c.NetNS != "" {
		where += " in " + c.NetNS
	}
	return string(c.Kind) + " of " + where
}

// active reports whether the setting stands as tracking needs it.
func (c change) active() (is bool, err error) {
	err = inNamespace(c.NetNS, func() error {
		if o, ok := offloads[c.Kind]; ok {
			is, _, err = o.state(c.Name)
			return err
		}
		switch c.Kind {
		case changePromisc:
			link, err := netlink.LinkByName(c.Name)
			if err != nil {
				return err
			}
			is = link.Attrs().Promisc > 0
			return nil
		case changeClsact:
			link, err := netlink.LinkByName(c.Name)
			if err != nil {
				return err
			}
			is, err = hasClsact(link)
			return err
		case changeFilter:
			return nil
		}
		return fmt.Errorf("change %q is not known", c.Kind)
	})
	return is, err
}

// stuck reports whether an offload is otherwise than tracking needs it and cannot
// be changed.
func (c change) stuck() bool {
	is, changeable, err := offloads[c.Kind].state(c.Name)
	return err == nil && !is && !changeable
}

// set makes the change, or takes it back.
func (c change) set(on bool) error {
	err := inNamespace(c.NetNS, func() error {
		if o, ok := offloads[c.Kind]; ok {
			return o.set(c.Name, on)
		}
		switch c.Kind {
		case changePromisc:
			return setPromisc(c.Name, on)
		case changeClsact, changeFilter:
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
func (c change) setFilter(on bool) error {
	link, err := netlink.LinkByName(c.Name)
	if err != nil {
		return err
	}
	if c.Kind == changeClsact {
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
func needed(changes []change) ([]change, error) {
	var missing []change
	for _, c := range changes {
		active, err := c.active()
		if err != nil {
			return nil, err
		}
		if !active {
			missing = append(missing, c)
		}
	}
	return missing, nil
}

// changesNow returns the changes to an interface as they are to be taken back: it,
// its peer or the peer's namespace may be called otherwise than when they were
// made, and the way to that namespace may have led through a process that ended.
func changesNow(l netlink.Link, changes []change) []change {
	now := slices.Clone(changes)
	for i := range now {
		c := &now[i]
		if c.Kind != changeGRO && c.Kind != changeTxVLAN {
			c.Name = l.Attrs().Name
		} else if p, err := findPeer(l); err == nil {
			c.NetNS, c.Name = p.netns, p.name
		}
	}
	return now
}

// undo takes changes back, the last one first, and goes on where one fails: what
// is gone needs no putting back.
func undo(changes []change) []error {
	var errs []error
	for i := len(changes) - 1; i >= 0; i-- {
		if err := changes[i].set(false); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
