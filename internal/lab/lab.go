package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const bridgeName = "br0"

// Options configures a lab. The zero value is the lab of the package comment.
type Options struct {
	Client HostOptions // zero: name client, port veth1, 10.0.0.1/24, fd00::1/64
	Server HostOptions // zero: name server, port veth2, 10.0.0.2/24, fd00::2/64
	MTU    int         // of both ends of both pairs, in bytes; zero: the kernel's 1500
	Bridge bool        // join the middle ends by a Linux bridge, as Lab.Bridge does
}

// HostOptions configures one host: a namespace with one veth pair.
type HostOptions struct {
	Name  string         // of the namespace, as in ip netns exec NAME; required in AddHost
	Link  string         // the pair's end inside; zero: eth0
	Port  string         // the pair's end in the middle; required in AddHost
	MTU   int            // of both ends, in bytes; zero: Options.MTU
	Addrs []netip.Prefix // the first of each family is the host's main address
	Cable *CableOptions  // nil: the pair itself, which loses nothing
}

// withDefaults fills the zero fields of o from d.
func (o HostOptions) withDefaults(d HostOptions) HostOptions {
	if o.Name == "" {
		o.Name = d.Name
	}
	if o.Link == "" {
		o.Link = d.Link
	}
	if o.Port == "" {
		o.Port = d.Port
	}
	if o.MTU == 0 {
		o.MTU = d.MTU
	}
	if o.Addrs == nil {
		o.Addrs = d.Addrs
	}
	return o
}

func defaultClient(mtu int) HostOptions {
	return HostOptions{Name: "client", Link: "eth0", Port: "veth1", MTU: mtu, Addrs: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64"),
	}}
}

func defaultServer(mtu int) HostOptions {
	return HostOptions{Name: "server", Link: "eth0", Port: "veth2", MTU: mtu, Addrs: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("fd00::2/64"),
	}}
}

// Lab is two or more hosts (see AddHost) and the middle ends of their veth
// pairs in the namespace of the process. Several goroutines may call its
// methods.
type Lab struct {
	Client, Server *Host

	mtu    int
	middle *netlink.Handle

	mu      sync.Mutex
	hosts   []*Host
	bridged bool
	closed  bool
}

// New builds a lab. The process must be isolated, otherwise the error is
// [ErrNotIsolated]. If New fails, it leaves nothing behind.
func New(ctx context.Context, o Options) (*Lab, error) {
	if !Isolated() {
		return nil, fmt.Errorf("build lab: %w", ErrNotIsolated)
	}
	middle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	l := &Lab{mtu: o.MTU, middle: middle}
	if err := l.build(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("build lab: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context, o Options) (err error) {
	if l.Client, err = l.AddHost(ctx, o.Client.withDefaults(defaultClient(o.MTU))); err != nil {
		return err
	}
	if l.Server, err = l.AddHost(ctx, o.Server.withDefaults(defaultServer(o.MTU))); err != nil {
		return err
	}
	if o.Bridge {
		return l.Bridge()
	}
	return nil
}

// AddHost adds a namespace with a veth pair.
func (l *Lab) AddHost(ctx context.Context, o HostOptions) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("add host %s: %w", o.Name, ErrClosed)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("add host %s: %w", o.Name, err)
	}
	o = o.withDefaults(HostOptions{Link: "eth0", MTU: l.mtu})
	h, err := newHost(l.middle, o)
	if err != nil {
		return nil, fmt.Errorf("add host %s: %w", o.Name, err)
	}
	l.hosts = append(l.hosts, h)
	if l.bridged {
		return h, l.enslave(h)
	}
	return h, nil
}

// Bridge joins the middle ends by a Linux bridge. It is for testing the lab
// itself and for comparisons.
func (l *Lab) Bridge() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("add bridge: %w", ErrClosed)
	}
	if l.bridged {
		return nil
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridgeName
	// One that snoops is in a group itself, and sends a report of that some time later.
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: new(bool)}
	if err := l.middle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add bridge %s: %w", bridgeName, err)
	}
	l.bridged = true
	if err := quietUp(l.middle, bridge); err != nil {
		return fmt.Errorf("set bridge %s up: %w", bridgeName, err)
	}
	for _, h := range l.hosts {
		if err := l.enslave(h); err != nil {
			return err
		}
	}
	return nil
}

// Unbridge removes the bridge. The middle ends stay, up and unconnected.
func (l *Lab) Unbridge() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unbridge()
}

func (l *Lab) unbridge() error {
	if !l.bridged {
		return nil
	}
	l.bridged = false
	return deleteLink(l.middle, bridgeName)
}

func (l *Lab) enslave(h *Host) error {
	port, err := l.middle.LinkByName(h.port)
	if err != nil {
		return fmt.Errorf("find %s: %w", h.port, err)
	}
	bridge, err := l.middle.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find %s: %w", bridgeName, err)
	}
	if err := l.middle.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("join %s to %s: %w", h.port, bridgeName, err)
	}
	return nil
}

// Unplug deletes both ends of the host's veth pair, like pulling a card with
// its cable.
func (l *Lab) Unplug(h *Host) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("unplug %s: %w", h.name, ErrClosed)
	}
	return h.unplug()
}

// Plug creates the veth pair of an unplugged host again, with the same names
// and addresses, but new indexes and MAC addresses.
func (l *Lab) Plug(h *Host) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("plug %s in: %w", h.name, ErrClosed)
	}
	if err := h.plug(); err != nil {
		return err
	}
	if l.bridged {
		return l.enslave(h)
	}
	return nil
}

// Close removes the lab's links and namespaces. Processes and sockets in them
// continue without a network until they end. Further calls do nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	errs := []error{l.unbridge()}
	for _, h := range l.hosts {
		errs = append(errs, h.close())
	}
	l.middle.Close()
	return errors.Join(errs...)
}

// deleteLink deletes a link. It is no error if the link is already gone.
func deleteLink(handle *netlink.Handle, name string) error {
	link, err := handle.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := handle.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// quietUp sets a link up that sends nothing by itself: without IPv6 link-local
// addresses the middle sends neither solicitations nor reports.
func quietUp(handle *netlink.Handle, link netlink.Link) error {
	const addrGenModeNone = 1 // IN6_ADDR_GEN_MODE_NONE, linux/if_link.h
	if err := handle.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil {
		return fmt.Errorf("turn off link-local addresses: %w", err)
	}
	return handle.LinkSetUp(link)
}
