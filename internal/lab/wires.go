package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Wires are two ways between the client and the server of a lab. A route at each end says
// which one its packets take.
type Wires struct {
	lab *Lab
	// links are the hosts' ends of both wires, at the client and at the server.
	links [2][2]netlink.Link
}

// secondLink is the name of the hosts' ends of the second wire.
const secondLink = "eth1"

// SecondWire adds a second veth pair to each of both hosts, with these middle ends. Packets
// go on by the first wire.
func (l *Lab) SecondWire(clientPort, serverPort string) (*Wires, error) {
	w := &Wires{lab: l}
	for i, h := range w.hosts() {
		if err := h.second([2]string{clientPort, serverPort}[i]); err != nil {
			return nil, fmt.Errorf("add the second wire of %s: %w", h.name, err)
		}
		for wire, name := range [2]string{h.link, secondLink} {
			link, err := h.inside.LinkByName(name)
			if err != nil {
				return nil, fmt.Errorf("find %s in %s: %w", name, h.name, err)
			}
			w.links[wire][i] = link
		}
	}
	for i := range w.hosts() {
		if err := w.meet(i); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *Wires) hosts() [2]*Host { return [2]*Host{w.lab.Client, w.lab.Server} }

// second adds a pair without addresses, which goes with the host.
func (h *Host) second(port string) error {
	if err := h.middle.LinkAdd(veth(port, secondLink, h.mtu, h.ns)); err != nil {
		return fmt.Errorf("add veth pair %s, %s: %w", port, secondLink, err)
	}
	h.more = port
	for handle, name := range map[*netlink.Handle]string{h.middle: port, h.inside: secondLink} {
		link, err := handle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if err := quietUp(handle, link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	// Packets may come by one wire and be answered by the other.
	return h.Do(func() error {
		for _, name := range []string{"all", h.link, secondLink} {
			path := "/proc/sys/net/ipv4/conf/" + name + "/rp_filter"
			if err := os.WriteFile(path, []byte("0"), 0); err != nil {
				return fmt.Errorf("let packets come by both wires: %w", err)
			}
		}
		return nil
	})
}

// meet tells a host the other one's hardware addresses, and the first wire as the way there.
func (w *Wires) meet(i int) error {
	h, other := w.hosts()[i], w.hosts()[1-i]
	for wire := range w.links {
		at, mac := w.links[wire][i].Attrs().Index, w.links[wire][1-i].Attrs().HardwareAddr
		for _, to := range other.addrs {
			if err := h.inside.NeighSet(neighbour(at, to.Addr(), mac)); err != nil {
				return fmt.Errorf("tell %s of %s: %w", h.name, to.Addr(), err)
			}
		}
	}
	return w.route(i, 0)
}

func neighbour(link int, to netip.Addr, mac net.HardwareAddr) *netlink.Neigh {
	family := unix.AF_INET
	if to.Is6() {
		family = unix.AF_INET6
	}
	return &netlink.Neigh{LinkIndex: link, Family: family, State: netlink.NUD_PERMANENT, IP: to.AsSlice(), HardwareAddr: mac}
}

// route says by which wire the packets of a host go.
func (w *Wires) route(i, wire int) error {
	h, other := w.hosts()[i], w.hosts()[1-i]
	for _, to := range other.addrs {
		bits := to.Addr().BitLen()
		route := &netlink.Route{
			LinkIndex: w.links[wire][i].Attrs().Index, Scope: netlink.SCOPE_LINK,
			Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(bits, bits)},
		}
		if err := h.inside.RouteReplace(route); err != nil {
			return fmt.Errorf("send packets of %s to %s by another wire: %w", h.name, to.Addr(), err)
		}
	}
	return nil
}

// Use sends the packets of the client by one wire, 0 or 1, and those of the server by one.
func (w *Wires) Use(there, back int) error {
	if err := w.route(0, there); err != nil {
		return err
	}
	return w.route(1, back)
}
