//go:build kernels

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// These tests need devices that not every kernel has: VLAN, bond and WireGuard. "make
// test-kernels" runs them.

// volume is many bytes for a kernel in software emulation.
const volume = 1 << 18

// do calls f in a host, or in the middle if there is none.
func do(t *testing.T, h *lab.Host, f func() error) {
	t.Helper()
	err := error(nil)
	if h == nil {
		err = f()
	} else {
		err = h.Do(f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// addDevice creates a link in a host, or in the middle until the test ends, gives it
// addresses, and sets it up.
func addDevice(t *testing.T, h *lab.Host, link netlink.Link, prefixes ...netip.Prefix) {
	t.Helper()
	name := link.Attrs().Name
	do(t, h, func() error {
		if err := netlink.LinkAdd(link); err != nil {
			return fmt.Errorf("add the %s %s: %w", link.Type(), name, err)
		}
		return furnish(name, prefixes)
	})
	if h == nil {
		t.Cleanup(func() { _ = netlink.LinkDel(link) })
	}
}

// furnish gives a link addresses, and sets it up.
func furnish(name string, prefixes []netip.Prefix) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, p, err)
		}
	}
	return netlink.LinkSetUp(link)
}

func deviceAttrs(name string) netlink.LinkAttrs {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return attrs
}

// enslave makes a link a port of another.
func enslave(port, master string) error {
	p, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	m, err := netlink.LinkByName(master)
	if err != nil {
		return err
	}
	if m.Type() == "bond" { // takes only ports that are down
		if err := netlink.LinkSetDown(p); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetMaster(p, m); err != nil {
		return fmt.Errorf("make %s a port of %s: %w", port, master, err)
	}
	return netlink.LinkSetUp(p)
}

// watchDevices watches interfaces until the test ends, and waits for the first event, of a
// datagram from the client, and for a snapshot.
func watchDevices(t *testing.T, l *lab.Lab, here netip.Addr, o tracker.Options) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	r := &rig{Lab: l, t: t, ctx: ctx}
	o.Watch = true
	tr, err := tracker.Open(r.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range tr.Notes() {
		t.Log(note)
	}
	r.begin(tr)
	r.eventually("an event, and a snapshot", func() bool {
		c, err := l.Client.Dial(ctx, "udp", netip.AddrPortFrom(here, 9).String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("hello"))
		c.Close()
		return len(r.log()) > 0 && r.collector.Snapshot() != nil
	})
	return r
}

// call opens a connection between the machine and the client. The client dials unless
// the machine does.
func call(t *testing.T, l *lab.Lab, out bool, here, there netip.Addr) (near, far net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	var listener net.Listener
	var dialled net.Conn
	var err error
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	if out {
		listener, err = l.Client.Listen(ctx, "tcp", netip.AddrPortFrom(there, 0).String())
	} else {
		listener, err = config.Listen(ctx, "tcp", netip.AddrPortFrom(here, 0).String())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if out {
		dialled, err = new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	} else {
		dialled, err = l.Client.Dial(ctx, "tcp", listener.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	if !out {
		dialled, accepted = accepted, dialled
	}
	return dialled, accepted
}

// ofPort returns the TCP flows of a connection, in the order of their interfaces.
func (r *rig) ofPort(near net.Conn) (found []flow.Flow) {
	r.t.Helper()
	here := near.LocalAddr().String()
	for _, f := range r.flows("tcp") {
		if f.Tuple.Src.String() == here || f.Tuple.Dst.String() == here {
			found = append(found, f)
		}
	}
	if len(found) == 2 && found[0].In > found[1].In {
		found[0], found[1] = found[1], found[0]
	}
	return found
}

// checkCounts waits until the flows of a connection count what the machine's socket sent
// and received, and returns them.
func (r *rig) checkCounts(near net.Conn, interfaces int) (flows []flow.Flow) {
	t := r.t
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
		info := segments(t, near)
		flows = r.ofPort(near)
		right := len(flows) == interfaces
		for _, f := range flows {
			sent, received, segments := f.Origin, f.Reply, info.Segs_out
			if !f.Outgoing { // a socket that was accepted did not send the SYN+ACK
				sent, received, segments = received, sent, segments+1
			}
			right = right && uint32(sent.Packets) == segments && uint32(received.Packets) == info.Segs_in
		}
		if right {
			return flows
		}
		if time.Now().After(deadline) {
			t.Fatalf("the kernel sent %d segments and received %d, the flows are %+v", info.Segs_out, info.Segs_in, flows)
		}
	}
}

// abortedAndReset is how the ends of a connection of the machine's own die.
func abortedAndReset(near, far net.Conn) map[error][]net.Conn {
	return map[error][]net.Conn{unix.ECONNABORTED: {near}, unix.ECONNRESET: {far}}
}
