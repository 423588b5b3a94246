//go:build kernels

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	bondName = "bond0"
	// spareName is the interface of the bond's other cable to the client.
	spareName = "spare0"
)

// newBond returns a lab whose machine reaches the client by a bond of two cables, of
// which one is used at a time. The client joins them by a bridge.
func newBond(t *testing.T) *lab.Lab {
	t.Helper()
	l, _ := newLab(t)
	addSpare(t, l)
	do(t, l.Client, func() error {
		link, err := netlink.LinkByName(l.Client.Link())
		if err != nil {
			return err
		}
		return clearAddresses(link)
	})
	there := []netip.Prefix{netip.PrefixFrom(l.Client.Addr4(), 24), netip.PrefixFrom(l.Client.Addr6(), 64)}
	addDevice(t, l.Client, &netlink.Bridge{LinkAttrs: deviceAttrs("both0")}, there...)
	do(t, l.Client, func() error {
		if err := enslave(l.Client.Link(), "both0"); err != nil {
			return err
		}
		return enslave(spareName, "both0")
	})
	bond := netlink.NewLinkBond(deviceAttrs(bondName))
	bond.Mode, bond.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 100
	addDevice(t, nil, bond, own...)
	for _, port := range []string{l.Client.Port(), spareName} {
		do(t, nil, func() error { return enslave(port, bondName) })
	}
	return l
}

// addSpare lays a second cable to the client. Its ends have one name.
func addSpare(t *testing.T, l *lab.Lab) {
	t.Helper()
	pair := &netlink.Veth{LinkAttrs: deviceAttrs(spareName), PeerName: "peer0"}
	addDevice(t, nil, pair)
	moveTo(t, l.Client, "peer0")
	do(t, l.Client, func() error {
		link, err := netlink.LinkByName("peer0")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetName(link, spareName); err != nil {
			return err
		}
		return furnish(spareName, nil)
	})
}

// moveTo moves a link of the middle to a host.
func moveTo(t *testing.T, h *lab.Host, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := openNamespace(h)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	if err := netlink.LinkSetNsFd(link, int(ns.Fd())); err != nil {
		t.Fatalf("move %s to %s: %v", name, h.Name(), err)
	}
}

func clearAddresses(link netlink.Link) error {
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for i := range addrs {
		if err := netlink.AddrDel(link, &addrs[i]); err != nil {
			return fmt.Errorf("take %s from %s: %w", addrs[i].IPNet, link.Attrs().Name, err)
		}
	}
	return nil
}

// active returns the index of the port that the bond uses, 0 if there is none.
func active(t *testing.T) int {
	t.Helper()
	link, err := netlink.LinkByName(bondName)
	if err != nil {
		t.Fatal(err)
	}
	return max(link.(*netlink.Bond).ActiveSlave, 0)
}

// A connection at a watched bond is one flow, which goes on while the bond's ports are
// replaced one after the other, and counts what the socket did.
func TestWatchBond(t *testing.T) {
	l := newBond(t)
	r := watchDevices(t, l, own[0].Addr(), tracker.Options{Interfaces: []string{bondName}})
	near, far := call(t, l, true, own[0].Addr(), l.Client.Addr4())
	near6, far6 := call(t, l, false, own[1].Addr(), l.Client.Addr6())
	ids := map[flow.ID]bool{}
	for _, name := range []string{l.Client.Port(), spareName, l.Client.Port()} {
		port, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetNoMaster(port); err != nil {
			t.Fatal(err)
		}
		r.eventually("the bond uses the other port", func() bool {
			now := active(t)
			return now != 0 && now != port.Attrs().Index
		})
		sendMuch(t, near, far, volume)
		sendMuch(t, far6, near6, volume)
		for _, f := range append(r.checkCounts(near, 1), r.checkCounts(near6, 1)...) {
			ids[f.ID] = true
		}
		if err := enslave(name, bondName); err != nil {
			t.Fatal(err)
		}
		r.eventually("the bond has the port back", func() bool { return active(t) != 0 })
	}
	if len(ids) != 2 {
		t.Errorf("two connections were the flows %v", ids)
	}
	if len(r.flows("tcp")) != 2 {
		t.Errorf("flows %v", r.flows("tcp"))
	}
}

// At a port of a bond a connection is one flow, too, and a bond and its port have one
// each. The local end is known at the bond, which has the address.
func TestWatchBondPort(t *testing.T) {
	l := newBond(t)
	port := l.Client.Port()
	if link, err := netlink.LinkByIndex(active(t)); err == nil {
		port = link.Attrs().Name
	}
	for _, watched := range [][]string{{port}, {bondName, port}} {
		t.Run(fmt.Sprint(watched), func(t *testing.T) {
			r := watchDevices(t, l, own[0].Addr(), tracker.Options{Interfaces: watched})
			near, far := call(t, l, false, own[0].Addr(), l.Client.Addr4())
			sendMuch(t, near, far, volume)
			say(t, far, near, "answer")
			for _, f := range r.checkCounts(near, len(watched)) {
				if f.Outgoing || f.State != flow.StateEstablished {
					t.Errorf("%v: out %t, %s", f.Tuple, f.Outgoing, f.State)
				}
			}
		})
	}
}

// A bond's port is not taken into a wire: the refusal names the bond. The bond itself,
// without an address, is.
func TestGuardBond(t *testing.T) {
	l := newBond(t)
	for _, port := range []string{l.Client.Port(), spareName} {
		o := runUnder(t.Context(), t, nil, "--dump", "--for", "100ms", port, l.Server.Port())
		for _, word := range []string{port, "is a port of the bond " + bondName, "--watch " + port, "--force"} {
			o.refused(t, word)
		}
	}
	o := runUnder(t.Context(), t, nil, "--dump", "--for", "100ms", bondName, l.Server.Port())
	o.refused(t, bondName+": the machine uses it: it has the address "+own[0].String())
	checkDetached(t, l)
	bond, err := netlink.LinkByName(bondName)
	if err == nil {
		err = clearAddresses(bond)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{bondName, l.Server.Port()}, {l.Server.Port(), bondName}} {
		_, err := tracker.Open(t.Context(), tracker.Options{Mode: flow.ModeNative, Interfaces: names})
		if err == nil || !strings.Contains(err.Error(), "in native mode: XDP sees packets at the ports of a bond: use --mode tc") {
			t.Errorf("native between %v: %v", names, err)
		}
		for _, mode := range []flow.Mode{flow.ModeAuto, flow.ModeGeneric} {
			t.Run(fmt.Sprint(mode, names), func(t *testing.T) { checkBondWire(t, l, mode, names) })
		}
	}
	checkDetached(t, l)
}

// checkBondWire expects a tracker to forward in a mode.
func checkBondWire(t *testing.T, l *lab.Lab, mode flow.Mode, names []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(tracker.Options{Mode: mode, Interfaces: names})
	client, server := r.connect(l.Server.Addr4())
	say(t, client, server, "question")
	say(t, server, client, "answer")
	r.between(client, server)
	r.stop()
}
