package netdev

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// Interfaces that are up are followed, but for those that are left out by name or pattern.
func TestFollowWants(t *testing.T) {
	f := Follow{Except: []string{"eth1", "veth*", "br-[0-9]"}}
	for name, want := range map[string]bool{"eth0": true, "eth1": false, "eth10": true, "veth0a1": false, "br-1": false, "br-x": true} {
		for _, up := range []bool{false, true} {
			a := attrs(name, 7)
			if up {
				a.Flags |= unix.IFF_UP
			}
			if got := f.wants(&netlink.Dummy{LinkAttrs: a}); got != (want && up) {
				t.Errorf("%s, up %t: wanted %t", name, up, got)
			}
		}
	}
	for _, pattern := range []string{"", "veth["} {
		if (Follow{Except: []string{pattern}}).CheckExcept() == nil {
			t.Errorf("%q is a pattern", pattern)
		}
	}
	if err := f.CheckExcept(); err != nil {
		t.Error(err)
	}
}

// There are so many places, and those of interfaces that left are used again.
func TestFollowPlaces(t *testing.T) {
	var list points
	for i := range MostFollowed {
		at := Point{Name: "x", Index: i + 1, Role: flow.RoleWatch, Mode: flow.ModeTC}
		out := at
		out.Direction = Egress
		a := &Attachments{registry: list}
		if slot := a.freeSlot(); slot != len(list) {
			t.Fatalf("place %d with %d points", slot, len(list))
		}
		list = append(list, at, out)
	}
	a := &Attachments{registry: list}
	if slot := a.freeSlot(); slot != -1 {
		t.Errorf("place %d although all are taken", slot)
	}
	list[10].Left = true
	if slot := a.freeSlot(); slot != -1 {
		t.Errorf("place %d although half of it is taken", slot)
	}
	list[11].Left = true
	if slot := a.freeSlot(); slot != 10 {
		t.Errorf("place %d, want 10", slot)
	}
	list[10].Left, list[11].Left = false, false
	last := len(list) - 2
	list[last].Left, list[last+1].Left = true, true
	if slot := a.freeSlot(); slot != last {
		t.Errorf("place %d, want the last one, %d", slot, last)
	}
	apart := &Attachments{registry: points{{Name: "x", Index: 1, Left: true}, {Name: "y", Index: 2, Left: true}}}
	if slot := apart.freeSlot(); slot != 2 {
		t.Errorf("place %d after two points alone", slot)
	}
	one := &Attachments{registry: points{{Name: "x", Index: 1, Left: true}}}
	if slot := one.freeSlot(); slot != 1 {
		t.Errorf("place %d after a point alone", slot)
	}
}

// An interface that comes back in time has all of that time again when it next goes.
func TestFollowReturns(t *testing.T) {
	a := &Attachments{registry: points{{Name: "x", Index: 1, Role: flow.RoleWatch, Mode: flow.ModeTC}}}
	there := []netlink.Link{&netlink.Dummy{LinkAttrs: attrs("x", 1)}}
	for range 2 {
		if err := a.leave(nil); err != nil {
			t.Fatal(err)
		}
		if _, gone := a.following.gone[0]; !gone {
			t.Error("it is not noticed that the interface is gone")
		}
		if err := a.leave(there); err != nil {
			t.Fatal(err)
		}
		if since, gone := a.following.gone[0]; gone {
			t.Errorf("the interface is there, and gone since %s", since)
		}
	}
}
