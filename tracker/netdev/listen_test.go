package netdev

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// The kernel tells of one of the tracker's interfaces that comes.
func TestListenToLinks(t *testing.T) {
	lab.Require(t)
	a := &Attachments{registry: points{{Name: "told0", Index: -1}, {Name: "absent", Index: -1}}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := make(chan struct{}, 1)
	ended := a.ListenToLinks(ctx, changes)
	if ended == nil {
		t.Fatal("it cannot listen")
	}
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "told0"}, PeerName: "told1"}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = netlink.LinkDel(pair) }()
	within(t, changes, "nothing is told")
	cancel()
	within(t, ended, "it listens for ever")
}

// within waits for a channel.
func within(t *testing.T, c <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Error(otherwise)
	}
}

// The kernel tells of an address that comes and of one that goes.
func TestListenToAddresses(t *testing.T) {
	lab.Require(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "told2"}, PeerName: "told3"}
	must(t, netlink.LinkAdd(pair))
	defer func() { _ = netlink.LinkDel(pair) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := make(chan struct{}, 1)
	ended := ListenToAddresses(ctx, changes)
	if ended == nil {
		t.Fatal("it cannot listen")
	}
	address, err := netlink.ParseAddr("192.0.2.1/24")
	must(t, err)
	for _, change := range []func(netlink.Link, *netlink.Addr) error{netlink.AddrAdd, netlink.AddrDel} {
		must(t, change(pair, address))
		within(t, changes, "nothing is told")
	}
	cancel()
	within(t, ended, "it listens for ever")
}

func TestConcerns(t *testing.T) {
	list := []Point{{Name: "veth1", Index: 5}, {Name: "veth2", Index: 7}}
	for _, test := range []struct {
		attrs netlink.LinkAttrs
		want  bool
	}{
		{netlink.LinkAttrs{Name: "veth1", Index: 5}, true},
		{netlink.LinkAttrs{Name: "veth2", Index: 9}, true},   // came back
		{netlink.LinkAttrs{Name: "renamed", Index: 7}, true}, // renamed
		{netlink.LinkAttrs{Name: "veth3", Index: 8}, false},
	} {
		if got := concerns(list, &netlink.Dummy{LinkAttrs: test.attrs}); got != test.want {
			t.Errorf("%+v: %t, want %t", test.attrs, got, test.want)
		}
	}
}

// points is a registry that keeps nothing.
type points []Point

func (p points) Points() []Point                { return p }
func (p points) SetPoint(i int, is Point) error { p[i] = is; return nil }
func (points) AddPoints(...Point) error         { return nil }
func (points) Follow() *Follow                  { return nil }
func (points) Owned() bool                      { return true }
func (points) Occupied(name string, _ ebpf.ProgramID) error {
	return fmt.Errorf("%s is occupied", name)
}
