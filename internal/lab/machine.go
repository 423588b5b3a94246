package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// The interfaces of a [Machine].
const (
	machineOutside   = "eth0"
	machineContainer = "veth-app"
)

// The addresses of a [Machine], of its container and of the world.
const (
	addrOutside   = "192.0.2.1"
	addrOutside6  = "2001:db8::1"
	addrWorld     = "192.0.2.2"
	addrWorld6    = "2001:db8::2"
	addrBridge    = "10.0.0.254"
	addrContainer = "10.0.0.2"
)

// Machine is a lab whose middle looks like a small server: a web server, a database, a
// job that makes backups, and a container with an application, for which the server
// translates addresses. The client is the container, the server is the world outside.
// Each part is a process of its own.
type Machine struct {
	*Lab
	// Translates is set if the server translates the container's addresses. It takes
	// nft.
	Translates bool
}

// NewMachine builds the lab, without its processes.
func NewMachine(ctx context.Context) (*Machine, error) {
	l, err := New(ctx, Options{
		Client: HostOptions{Name: "app", Port: machineContainer, Addrs: []netip.Prefix{netip.MustParsePrefix(addrContainer + "/24")}},
		Server: HostOptions{Name: "world", Port: machineOutside, Addrs: []netip.Prefix{
			netip.MustParsePrefix(addrWorld + "/24"), netip.MustParsePrefix(addrWorld6 + "/64"),
		}, Cable: farAway()},
	})
	if err != nil {
		return nil, err
	}
	m := &Machine{Lab: l}
	if err := m.route(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build lab: %w", err), l.Close())
	}
	return m, nil
}

// farAway is the way to the world: it takes some time, and loses a frame now and then.
func farAway() *CableOptions {
	const share, delay = 0.0005, 8 * time.Millisecond
	return &CableOptions{Out: Impairment{Delay: delay, Loss: share}, In: Impairment{Delay: delay, Loss: share}}
}

// Interfaces returns the server's interfaces.
func (m *Machine) Interfaces() []string { return []string{machineOutside, machineContainer, "lo"} }

// route makes the middle a router between the container and the world.
func (m *Machine) route(ctx context.Context) error {
	for name, prefixes := range map[string][]string{
		machineOutside: {addrOutside + "/24", addrOutside6 + "/64"}, machineContainer: {addrBridge + "/24"},
	} {
		link, err := m.middle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		for _, p := range prefixes {
			if err := m.middle.AddrAdd(link, address(netip.MustParsePrefix(p))); err != nil {
				return fmt.Errorf("add address %s: %w", p, err)
			}
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return fmt.Errorf("route between the container and the world: %w", err)
	}
	if err := errors.Join(m.Client.routeTo(addrBridge), m.Server.routeTo(addrOutside)); err != nil {
		return err
	}
	m.Translates = translate(ctx) == nil
	return nil
}

// routeTo sends everything that a host has for elsewhere to a router.
func (h *Host) routeTo(router string) error {
	link, err := h.inside.LinkByName(h.link)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", h.link, h.name, err)
	}
	route := &netlink.Route{
		LinkIndex: link.Attrs().Index, Gw: netip.MustParseAddr(router).AsSlice(),
		Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)},
	}
	if err := h.inside.RouteAdd(route); err != nil {
		return fmt.Errorf("add the default route of %s: %w", h.name, err)
	}
	return nil
}

// translate masquerades what the container says to the world, and publishes its port.
func translate(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`
table ip ctop_demo {
	chain post { type nat hook postrouting priority 100; ip saddr 10.0.0.0/24 oifname "eth0" masquerade; }
	chain pre { type nat hook prerouting priority -100; iifname "eth0" tcp dport 8080 dnat to 10.0.0.2:3000; }
}
`)
	return cmd.Run()
}

// PlayArgument is the first argument of a program that is to play a part of a [Machine],
// which [Play] does. The second one is the part.
const PlayArgument = "demo-part"

// again prepares this program to play a part.
func again(ctx context.Context, part string) *Cmd {
	cmd := Command(ctx, "/proc/self/exe", PlayArgument, part)
	cmd.Args[0] = os.Args[0]
	return cmd
}

// Start starts the processes, which run this program again. stop ends them and waits.
func (m *Machine) Start(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() {
		cancel()
		running.Wait()
	}
	for part, where := range map[string]*Host{
		"nginx": nil, "postgres": nil, "sshd": nil, "chronyd": nil, "cron": nil, "node": m.Client, "world": m.Server,
	} {
		cmd := again(ctx, part)
		cmd.host = where
		if err := cmd.Start(); err != nil {
			stop()
			return nil, err
		}
		running.Go(func() { _ = cmd.Wait() })
	}
	return stop, nil
}
