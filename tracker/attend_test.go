package tracker

import (
	"context"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// The kernel tells of one of the tracker's interfaces that comes.
func TestListenToLinks(t *testing.T) {
	lab.Require(t)
	tr := &Tracker{meta: meta{Interfaces: [2]ifaceMeta{{Name: "told0", Index: -1}, {Name: "absent", Index: -1}}}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := make(chan struct{}, 1)
	ended := tr.listenToLinks(ctx, changes)
	if ended == nil {
		t.Fatal("it cannot listen")
	}
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "told0"}, PeerName: "told1"}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = netlink.LinkDel(pair) }()
	select {
	case <-changes:
	case <-time.After(20 * time.Second):
		t.Error("nothing is told")
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it listens for ever")
	}
}

func TestConcerns(t *testing.T) {
	tr := &Tracker{meta: meta{Interfaces: [2]ifaceMeta{{Name: "veth1", Index: 5}, {Name: "veth2", Index: 7}}}}
	for _, test := range []struct {
		attrs netlink.LinkAttrs
		want  bool
	}{
		{netlink.LinkAttrs{Name: "veth1", Index: 5}, true},
		{netlink.LinkAttrs{Name: "veth2", Index: 9}, true},   // came back
		{netlink.LinkAttrs{Name: "renamed", Index: 7}, true}, // renamed
		{netlink.LinkAttrs{Name: "veth3", Index: 8}, false},
	} {
		if got := tr.concerns(&netlink.Dummy{LinkAttrs: test.attrs}); got != test.want {
			t.Errorf("%+v: %t, want %t", test.attrs, got, test.want)
		}
	}
}
