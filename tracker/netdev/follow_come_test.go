package netdev

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// follows has an interface that is up, and that of a name.
func follows(t *testing.T, name string) Follow {
	t.Helper()
	lab.Require(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "b"}
	must(t, netlink.LinkAdd(pair))
	t.Cleanup(func() { _ = netlink.LinkDel(pair) })
	must(t, netlink.LinkSetUp(pair))
	list, err := listLinks()
	must(t, err)
	var f Follow
	for _, l := range list {
		if other := l.Attrs().Name; other != name {
			f.Except = append(f.Except, other)
		}
	}
	return f
}

// Interfaces for which there is no place are counted in a warning.
func TestFollowFull(t *testing.T) {
	f := follows(t, "come1")
	var list points
	for i := range MostFollowed {
		at := Point{Name: "x", Index: 1 << 20, Role: flow.RoleWatch, Mode: flow.ModeTC}
		out := at
		at.Index, out.Index, out.Direction = at.Index+i, at.Index+i, Egress
		list = append(list, at, out)
	}
	a := &Attachments{registry: list}
	done, warnings, err := a.Follow(f)
	if err != nil || len(done) != 0 || len(warnings) != 1 || !strings.HasPrefix(warnings[0].Detail, "1 interfaces are not watched: a tracker follows at most") {
		t.Errorf("%q, %v, %v", done, warnings, err)
	}
	a.registry.(points)[0].Index = interfaceIndex(t, "come1") // it has a place
	a.registry.(points)[0].Name = "come1"
	if done, warnings, err := a.Follow(f); err != nil || len(done) != 0 || len(warnings) != 0 {
		t.Errorf("%q, %v, %v", done, warnings, err)
	}
}

func interfaceIndex(t *testing.T, name string) int {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l.Attrs().Index
}
