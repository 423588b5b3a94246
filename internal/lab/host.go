package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one namespace of a lab with its veth pair. Several goroutines may
// call its methods, until the lab is closed.
type Host struct {
	name   string
	link   string // inside
	port   string // in the middle
	more   string // the port of a second wire, empty if there is none
	mtu    int
	addrs  []netip.Prefix
	ns     *os.File
	inside *netlink.Handle
	middle *netlink.Handle // the lab's
	cable  *cable          // nil: a good one, the pair itself

	plugged bool // whether port is ours; the lab's mutex guards it
}

// newHost creates the namespace and its pair. If it fails, it leaves nothing
// behind.
func newHost(middle *netlink.Handle, o HostOptions) (*Host, error) {
	if o.Name == "" || o.Port == "" {
		return nil, errors.New("a host needs a name and a port")
	}
	ns, err := makeNamespace(o.Name)
	if err != nil {
		return nil, err
	}
	h := &Host{
		name: o.Name, link: o.Link, port: o.Port, mtu: o.MTU,
		addrs: slices.Clone(o.Addrs), ns: ns, middle: middle,
	}
	if o.Cable != nil {
		h.cable, err = newCable(o.Name, *o.Cable)
	}
	if err == nil {
		err = h.start()
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *Host) start() (err error) {
	h.inside, err = netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	lo, err := h.inside.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := h.inside.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return h.plug()
}

// plug creates the pair like ip link add PORT type veth peer name LINK netns
// NAME, or a bad cable instead, and gives LINK its addresses. If it fails, it
// leaves no pair behind.
func (h *Host) plug() error {
	if err := h.connect(); err != nil {
		return err
	}
	if err := h.bringUp(); err != nil {
		return errors.Join(err, h.disconnect())
	}
	h.plugged = true
	return nil
}

func (h *Host) connect() error {
	if h.cable != nil {
		return h.cable.lay(h.middle, h.port, h.link, h.mtu, h.ns)
	}
	if err := h.middle.LinkAdd(veth(h.port, h.link, h.mtu, h.ns)); err != nil {
		return fmt.Errorf("add veth pair %s, %s: %w", h.port, h.link, err)
	}
	return nil
}

func (h *Host) disconnect() error {
	err := deleteLink(h.middle, h.port)
	if h.cable != nil {
		err = errors.Join(err, h.cable.cut())
	}
	return err
}

// unplug deletes the pair if plug created it. A link of that name that existed
// before is foreign.
func (h *Host) unplug() error {
	if !h.plugged {
		return nil
	}
	h.plugged = false
	return h.disconnect()
}

func (h *Host) bringUp() error {
	port, err := h.middle.LinkByName(h.port)
	if err != nil {
		return fmt.Errorf("find %s: %w", h.port, err)
	}
	if err := quietUp(h.middle, port); err != nil {
		return fmt.Errorf("set %s up: %w", h.port, err)
	}
	link, err := h.inside.LinkByName(h.link)
	if err != nil {
		return fmt.Errorf("find %s: %w", h.link, err)
	}
	for _, prefix := range h.addrs {
		if err := h.inside.AddrAdd(link, address(prefix)); err != nil {
			return fmt.Errorf("add address %s: %w", prefix, err)
		}
	}
	if err := h.inside.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", h.link, err)
	}
	return h.awaitReady()
}

// address disables duplicate address detection: during its second the address
// could not be used, and nobody else can have it.
func address(prefix netip.Prefix) *netlink.Addr {
	addr := &netlink.Addr{IPNet: &net.IPNet{
		IP:   prefix.Addr().AsSlice(),
		Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
	}}
	if prefix.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	return addr
}

// close removes the pair first: a namespace ends in the background, and only
// after its last socket is closed.
func (h *Host) close() error {
	err := h.unplug()
	if h.more != "" {
		err = errors.Join(err, deleteLink(h.middle, h.more))
	}
	if h.inside != nil {
		h.inside.Close()
	}
	if h.cable != nil {
		err = errors.Join(err, h.cable.close())
	}
	return errors.Join(err, removeNamespace(h.name), h.ns.Close())
}

// Name returns the name of the namespace.
func (h *Host) Name() string { return h.name }

// Path returns the file of the namespace.
func (h *Host) Path() string { return filepath.Join(netnsDir, h.name) }

// Link returns the name of the pair's end inside the namespace.
func (h *Host) Link() string { return h.link }

// Port returns the name of the pair's end in the middle, where ctop attaches.
func (h *Host) Port() string { return h.port }

// Addr4 returns the host's main IPv4 address, the zero Addr if it has none.
func (h *Host) Addr4() netip.Addr { return first(h.Addrs4()) }

// Addr6 returns the host's main IPv6 address, the zero Addr if it has none.
func (h *Host) Addr6() netip.Addr { return first(h.Addrs6()) }

// Addrs4 returns the host's IPv4 addresses, the main one first.
func (h *Host) Addrs4() []netip.Addr { return h.family(netip.Addr.Is4) }

// Addrs6 returns the host's IPv6 addresses, the main one first, without the
// link-local one that the kernel creates.
func (h *Host) Addrs6() []netip.Addr { return h.family(netip.Addr.Is6) }

func (h *Host) family(is func(netip.Addr) bool) (addrs []netip.Addr) {
	for _, prefix := range h.addrs {
		if is(prefix.Addr()) {
			addrs = append(addrs, prefix.Addr())
		}
	}
	return addrs
}

// sameFamily returns the main address of addr's family.
func (h *Host) sameFamily(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		return h.Addr6()
	}
	return h.Addr4()
}

func first(addrs []netip.Addr) netip.Addr {
	if len(addrs) == 0 {
		return netip.Addr{}
	}
	return addrs[0]
}

// MAC returns the current hardware address of the end inside the namespace.
func (h *Host) MAC() (net.HardwareAddr, error) {
	link, err := h.inside.LinkByName(h.link)
	if err != nil {
		return nil, fmt.Errorf("find %s in %s: %w", h.link, h.name, err)
	}
	return link.Attrs().HardwareAddr, nil
}

// Do runs f on a locked thread inside the namespace. Sockets and netlink
// handles that f opens stay in the namespace and may be used anywhere;
// goroutines that f starts run outside.
func (h *Host) Do(f func() error) error {
	return inNamespace(h.ns, f)
}
