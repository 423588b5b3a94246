package main

import (
	"fmt"
	"net"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// prepareRouter makes the kernel route frames from unused addresses to hosts
// that only count. Its tracker accepts every segment, as if it had seen the
// flows begin.
func (g *gallery) prepareRouter() error {
	for name, value := range map[string]string{
		"ipv4/conf/all/rp_filter":                     "0",
		"ipv4/conf/" + g.Client.Port() + "/rp_filter": "0",
		"ipv4/conf/" + g.Server.Port() + "/rp_filter": "0",
		"netfilter/nf_conntrack_tcp_be_liberal":       "1",
		"netfilter/nf_conntrack_tcp_loose":            "1",
	} {
		if err := sysctl(name, value); err != nil {
			return err
		}
	}
	links, err := g.ports()
	if err != nil {
		return err
	}
	networks := [2]net.IPNet{
		{IP: client4.AsSlice(), Mask: net.CIDRMask(8, 32)},
		{IP: server4.AsSlice(), Mask: net.CIDRMask(32, 32)},
	}
	for i, host := range []*lab.Host{g.Client, g.Server} {
		if err := g.reach(host, links[i], &networks[i]); err != nil {
			return err
		}
	}
	return nil
}

// reach routes a network to a host by its port. A program on the port, which
// passes everything, makes the driver accept frames.
func (g *gallery) reach(host *lab.Host, port netlink.Link, network *net.IPNet) error {
	mac, err := host.MAC()
	if err != nil {
		return err
	}
	gateway := host.Addr4().AsSlice()
	neighbour := &netlink.Neigh{LinkIndex: port.Attrs().Index, IP: gateway, HardwareAddr: mac, State: netlink.NUD_PERMANENT}
	if err := netlink.NeighSet(neighbour); err != nil {
		return fmt.Errorf("set the neighbour at %s: %w", host.Port(), err)
	}
	if err := netlink.RouteReplace(&netlink.Route{Dst: network, Gw: gateway}); err != nil {
		return fmt.Errorf("route %s: %w", network, err)
	}
	pass := g.sink.Programs[progPass]
	return g.keep(link.AttachXDP(link.XDPOptions{Interface: port.Attrs().Index, Program: pass, Flags: link.XDPDriverMode}))
}
