package e2e

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

var modes = []flow.Mode{flow.ModeNative, flow.ModeTC}

// The numbers of bytes that each side sends, the second with -short, for an emulated
// machine.
const (
	transferSize      = 100 << 20
	shortTransferSize = 10 << 20
)

// Default veth pairs with only addresses configured: everything works at once,
// byte for byte, and everything is unchanged afterwards.
func TestStockVethPairs(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			l, ctx := newLab(t)
			before := offloads(t, l)
			r := &rig{Lab: l, t: t, ctx: ctx}
			r.open(tracker.Options{Mode: mode})
			for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
				checkForwards(t, r, addr)
			}
			checkSums(t, r)
			r.stop()
			if after := offloads(t, l); after != before {
				t.Errorf("offloads are %v, they were %v", after, before)
			}
			checkDetached(t, l)
		})
	}
}

func checkForwards(t *testing.T, r *rig, addr netip.Addr) {
	t.Helper()
	if _, err := lab.Ping(r.ctx, r.Client, addr); err != nil {
		t.Errorf("ping %s: %v", addr, err)
	}
	transfer := int64(transferSize)
	if testing.Short() {
		transfer = shortTransferSize
	}
	if err := lab.Transfer(r.ctx, r.Client, r.Server, addr, transfer); err != nil {
		t.Errorf("transfer to %s: %v", addr, err)
	}
	for _, size := range []int{0, 1, 1000, 1400, 1472, 4000} {
		if err := lab.Exchange(r.ctx, r.Client, r.Server, netip.AddrPortFrom(addr, 0), make([]byte, size)); err != nil {
			t.Errorf("exchange %d bytes with %s: %v", size, addr, err)
		}
	}
}

// checkSums checks the counters against each other. Every packet has one
// verdict and one fate, every flow ended or exists, and no packet of an honest
// endpoint is invalid.
func checkSums(t *testing.T, r *rig) {
	t.Helper()
	sumsHold(t, r)
	if c := counters(t, r); c.Dropped != 0 || c.Invalid != 0 {
		t.Errorf("%d packets were dropped, %d are invalid: %v", c.Dropped, c.Invalid, c.InvalidBy)
	}
}

// offloads returns the settings of both hosts that a tracker may change.
func offloads(t *testing.T, l *lab.Lab) (settings [2][5]bool) {
	t.Helper()
	for i, h := range []*lab.Host{l.Client, l.Server} {
		for j, o := range lab.Offloads() {
			on, err := h.Offload(o)
			if err != nil {
				t.Fatal(err)
			}
			settings[i][j] = on
		}
	}
	return settings
}

func checkDetached(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, h := range []*lab.Host{l.Client, l.Server} {
		link, err := netlink.LinkByName(h.Port())
		if err != nil {
			t.Fatal(err)
		}
		if xdp := link.Attrs().Xdp; xdp != nil && xdp.Attached {
			t.Errorf("%s still carries program %d", h.Port(), xdp.ProgId)
		}
	}
	running, err := tracker.Running()
	if err != nil || len(running) != 0 {
		t.Errorf("pinned: %v, %v", running, err)
	}
}

// Two flows with crossed ports and addresses are two flows.
func TestCrossedTuples(t *testing.T) {
	r := newRig(t, tracker.Options{})
	a := udpEnd(t, r, r.Client, 1)
	b := udpEnd(t, r, r.Server, 2)
	c := udpEnd(t, r, r.Client, 2)
	d := udpEnd(t, r, r.Server, 1)
	sendTo(t, a, b)
	sendTo(t, c, d)
	r.eventually("two udp flows", func() bool { return len(r.flows("udp")) == 2 })
	for _, f := range r.flows("udp") {
		if f.State != flow.StateNew || f.Reply.Seen() {
			t.Errorf("%v is %v and answered: %v", f.Tuple, f.State, f.Reply.Seen())
		}
	}
}
