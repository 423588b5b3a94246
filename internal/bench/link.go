package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/bpftest"
	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// forwarder is a means to forward packets between two interfaces.
type forwarder string

// The forwarders.
const (
	byXDP     forwarder = "XDP redirect"
	byNative  forwarder = "ctop native"
	byGeneric forwarder = "ctop generic"
	byTCX     forwarder = "tcx redirect"
	byTC      forwarder = "ctop --mode tc"
	byBridge  forwarder = "Linux bridge"
	byNothing forwarder = "nothing"
	byRouter  forwarder = "routed, nf_conntrack"
)

// rig is a lab with one forwarder. All rigs exist at once, and idle ones cost
// nothing.
type rig struct {
	*lab.Lab
	how     forwarder
	tracker *tracker.Tracker
	stop    []func()
}

// newRig builds the n-th lab and installs the forwarder.
func newRig(ctx context.Context, n int, how forwarder, flows int) (_ *rig, err error) {
	o := lab.Options{Client: hostOptions("client", n, how), Server: hostOptions("server", n, how)}
	l, err := lab.New(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &rig{Lab: l, how: how, stop: []func(){func() { _ = l.Close() }}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	switch how {
	case byXDP:
		err = r.redirectXDP()
	case byTCX:
		err = r.redirectTC()
	case byNative, byGeneric, byTC:
		err = r.openTracker(ctx, flows)
	case byBridge:
		err = r.Bridge()
	case byRouter:
		err = r.route(n)
	}
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", how, err)
	}
	return r, nil
}

func (r *rig) close() {
	for i := len(r.stop) - 1; i >= 0; i-- {
		r.stop[i]()
	}
	r.stop = nil
}

// hostOptions puts two hosts into one network, or into two if they are routed.
func hostOptions(name string, n int, how forwarder) lab.HostOptions {
	last, network := 1, 0
	if name == "server" {
		last = 2
		if how == byRouter {
			network = 1
		}
	}
	return lab.HostOptions{
		Name: fmt.Sprintf("%s%d", name, n), Link: "eth0", Port: fmt.Sprintf("%s%d", name[:1], n),
		Addrs: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.%d/24", n, network, last))},
	}
}

func (r *rig) hosts() []*lab.Host { return []*lab.Host{r.Client, r.Server} }

// ports are the links in the middle.
func (r *rig) ports() (links [2]netlink.Link, err error) {
	for i, host := range r.hosts() {
		if links[i], err = netlink.LinkByName(host.Port()); err != nil {
			return links, fmt.Errorf("find %s: %w", host.Port(), err)
		}
	}
	return links, nil
}

// each runs f for both ports, with a collection of reference programs that
// redirects from there to the other port.
func (r *rig) each(f func(from int, c *ebpf.Collection) error) error {
	links, err := r.ports()
	if err != nil {
		return err
	}
	for i, l := range links {
		other := links[1-i].Attrs().Index
		c, err := loadReference(1, other)
		if err != nil {
			return err
		}
		r.stop = append(r.stop, c.Close)
		if err := bpftest.SetOutputs(c, uint32(other)); err != nil {
			return err
		}
		if err := f(l.Attrs().Index, c); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) keep(l link.Link, err error) error {
	if err == nil {
		r.stop = append(r.stop, func() { l.Close() })
	}
	return err
}

// redirectXDP forwards without tracking. Like ctop, it turns GRO on at the
// peers, without which a veth takes no redirected frames. It cannot complete
// checksums, so the hosts do.
func (r *rig) redirectXDP() error {
	for _, host := range r.hosts() {
		if err := host.SetOffload(true, lab.GRO); err != nil {
			return err
		}
		if err := host.SetOffload(false, lab.TxChecksum); err != nil {
			return err
		}
	}
	return r.each(func(from int, c *ebpf.Collection) error {
		return r.keep(link.AttachXDP(link.XDPOptions{Interface: from, Program: c.Programs[progRedirect], Flags: link.XDPDriverMode}))
	})
}

func (r *rig) redirectTC() error {
	return r.each(func(from int, c *ebpf.Collection) error {
		return r.keep(link.AttachTCX(link.TCXOptions{Interface: from, Program: c.Programs[progTC], Attach: ebpf.AttachTCXIngress}))
	})
}

func (r *rig) openTracker(ctx context.Context, flows int) (err error) {
	mode := map[forwarder]flow.Mode{byNative: flow.ModeNative, byGeneric: flow.ModeGeneric, byTC: flow.ModeTC}[r.how]
	r.tracker, err = tracker.Open(ctx, tracker.Options{
		Interfaces: []string{r.Client.Port(), r.Server.Port()}, Mode: mode, MaxFlows: flows,
		Timeouts: closedSoon(),
	})
	if err == nil {
		r.stop = append(r.stop, func() { _ = r.tracker.Close() })
	}
	return err
}

// closedSoon has short timeouts for closed flows, to show what is left behind.
func closedSoon() flow.Timeouts {
	var t flow.Timeouts
	t[flow.TCPTimeWait], t[flow.TCPLastAck], t[flow.TCPFinWait] = closing, closing, closing
	return t
}

// route gives the middle an address in both networks, and the hosts a route to
// each other through it. The kernel tracks these packets.
func (r *rig) route(n int) error {
	links, err := r.ports()
	if err != nil {
		return err
	}
	for i, host := range r.hosts() {
		gateway := netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.254/24", n, i))
		if err := addAddress(links[i], gateway); err != nil {
			return err
		}
		if err := host.Command(context.Background(), "ip", "route", "add", "default", "via", gateway.Addr().String()).Run(); err != nil {
			return fmt.Errorf("route %s: %w", host.Name(), err)
		}
	}
	return startConntrack()
}

func addAddress(l netlink.Link, prefix netip.Prefix) error {
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32)}}
	if err := netlink.AddrAdd(l, addr); err != nil {
		return fmt.Errorf("add address %s: %w", prefix, err)
	}
	return nil
}

// sysctl sets a kernel parameter of the isolated network namespace.
func sysctl(name, value string) error {
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		return fmt.Errorf("set net/%s: %w", name, err)
	}
	return nil
}
