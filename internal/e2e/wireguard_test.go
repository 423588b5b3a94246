//go:build kernels

package e2e

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"testing"

	mdlayher "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The addresses in the tunnel, and its ports on lo.
var (
	tunnelHere  = []netip.Prefix{netip.MustParsePrefix("10.8.0.9/24"), netip.MustParsePrefix("fd08::9/64")}
	tunnelThere = []netip.Prefix{netip.MustParsePrefix("10.8.0.1/24"), netip.MustParsePrefix("fd08::1/64")}
)

const herePort, therePort = 51820, 51821

// tunnelEnd is one end of a tunnel.
type tunnelEnd struct {
	name string
	port uint16
	key  *ecdh.PrivateKey
}

// newTunnel returns a lab with a tunnel of WireGuard between the machine and the client.
// The encrypted packets stay in the namespace in which a device is created, so they are on
// the machine's lo.
func newTunnel(t *testing.T) *lab.Lab {
	t.Helper()
	l, _ := newLab(t)
	here, there := newTunnelEnd(t, "wg0", herePort), newTunnelEnd(t, "wg1", therePort)
	addDevice(t, nil, &netlink.Wireguard{LinkAttrs: deviceAttrs(here.name)}, tunnelHere...)
	if err := netlink.LinkAdd(&netlink.Wireguard{LinkAttrs: deviceAttrs(there.name)}); err != nil {
		t.Fatal(err)
	}
	here.reach(t, there)
	there.reach(t, here)
	moveTo(t, l.Client, there.name)
	do(t, l.Client, func() error { return furnish(there.name, tunnelThere) })
	return l
}

func newTunnelEnd(t *testing.T, name string, port uint16) tunnelEnd {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return tunnelEnd{name, port, key}
}

// What follows is of the kernel's linux/wireguard.h.
const (
	wgVersion   = 1
	wgSetDevice = 1

	wgIfname     = 2
	wgPrivateKey = 3
	wgListenPort = 6
	wgPeers      = 8

	wgPeerPublicKey  = 1
	wgPeerEndpoint   = 4
	wgPeerAllowedIPs = 9

	wgAllowedFamily = 1
	wgAllowedAddr   = 2
	wgAllowedBits   = 3
)

// reach sets a device's key, and the other end of its tunnel, which takes every address.
func (e tunnelEnd) reach(t *testing.T, other tunnelEnd) {
	t.Helper()
	family, err := netlink.GenlFamilyGet("wireguard")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := mdlayher.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	attributes := mdlayher.NewAttributeEncoder()
	attributes.String(wgIfname, e.name)
	attributes.Bytes(wgPrivateKey, e.key.Bytes())
	attributes.Uint16(wgListenPort, e.port)
	attributes.Nested(wgPeers, func(peers *mdlayher.AttributeEncoder) error {
		peers.Nested(0, other.asPeer)
		return nil
	})
	body, err := attributes.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Execute(mdlayher.Message{
		Header: mdlayher.Header{Type: mdlayher.HeaderType(family.ID), Flags: mdlayher.Request | mdlayher.Acknowledge},
		Data:   append([]byte{wgSetDevice, wgVersion, 0, 0}, body...),
	})
	if err != nil {
		t.Fatalf("set up %s: %v", e.name, err)
	}
}

func (e tunnelEnd) asPeer(peer *mdlayher.AttributeEncoder) error {
	endpoint := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	endpoint = binary.BigEndian.AppendUint16(endpoint, e.port)
	endpoint = append(endpoint, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	peer.Bytes(wgPeerPublicKey, e.key.PublicKey().Bytes())
	peer.Bytes(wgPeerEndpoint, endpoint)
	peer.Nested(wgPeerAllowedIPs, func(all *mdlayher.AttributeEncoder) error {
		for i, any := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			all.Nested(uint16(i), func(one *mdlayher.AttributeEncoder) error {
				one.Uint16(wgAllowedFamily, map[bool]uint16{true: unix.AF_INET, false: unix.AF_INET6}[any.Is4()])
				one.Bytes(wgAllowedAddr, any.AsSlice())
				one.Uint8(wgAllowedBits, 0)
				return nil
			})
		}
		return nil
	})
	return nil
}

// openNamespace opens a host's network namespace.
func openNamespace(h *lab.Host) (*os.File, error) { return os.Open(h.Path()) }

// At WireGuard's interface, which has no link header, connections of both families have
// the right ends, count what the sockets did, and have the name of their process.
func TestWatchWireGuard(t *testing.T) {
	l := newTunnel(t)
	s := newStage(t.Context(), t)
	r := watchDevices(t, l, tunnelHere[0].Addr(), tracker.Options{Interfaces: []string{"wg0"}, Cgroup: s.cgroup})
	n := &watcher{rig: r, stage: s}
	for i := range tunnelHere {
		here, there := tunnelHere[i].Addr(), tunnelThere[i].Addr()
		for _, out := range []bool{false, true} {
			near, far := call(t, l, out, here, there)
			sendMuch(t, near, far, volume)
			sendMuch(t, far, near, volume)
			f := r.checkCounts(near, 1)[0]
			local := map[bool]flow.Ends{false: flow.EndReply, true: flow.EndOrigin}[out]
			if f.Outgoing != out || f.Local() != local || f.State != flow.StateEstablished {
				t.Errorf("flow %v: out %t, local %s, %s", f.Tuple, f.Outgoing, f.Local(), f.State)
			}
			near.Close()
			far.Close()
		}
		far := n.actor(l.Client, "far", "listen", place(there.String(), 0)).hears()
		client := n.actor(nil, "wgclient", "connect", "tcp", far)
		n.owned("tcp", portOf(t, client.hears()), "wgclient", flow.Origin)
		served := n.actor(nil, "wgserver", "listen", place(here.String(), 0))
		visitor, err := l.Client.Dial(t.Context(), "tcp", served.hears())
		if err != nil {
			t.Fatal(err)
		}
		served.do("accept")
		n.owned("tcp", portOf(t, visitor.LocalAddr().String()), "wgserver", flow.Reply)
		visitor.Close()
		datagrams := fmt.Sprintf("udp%d", map[bool]int{true: 4, false: 6}[here.Is4()])
		to := n.actor(l.Client, "dfar", "bind", datagrams, place(there.String(), 0)).hears()
		sender := n.actor(nil, "wgsender", "bind", datagrams, place(here.String(), 0))
		port := portOf(t, sender.hears())
		sender.do("send " + to)
		n.owned("udp", port, "wgsender", flow.Origin)
	}
	if s, err := r.tracker.Snapshot(); err != nil || s.Counters.Invalid+s.Counters.Dropped != 0 {
		t.Errorf("counters %+v, %v", s.Counters, err)
	}
}

// A connection in the tunnel ends at both ends.
func TestResetWireGuard(t *testing.T) {
	l := newTunnel(t)
	r := watchDevices(t, l, tunnelHere[0].Addr(), tracker.Options{Interfaces: []string{"wg0"}})
	for i := range tunnelHere {
		near, far := call(t, l, i == 0, tunnelHere[i].Addr(), tunnelThere[i].Addr())
		r.resetsOwn(near, far)
	}
}

// WireGuard's interface is not taken into a wire.
func TestGuardWireGuard(t *testing.T) {
	l := newTunnel(t)
	o := runUnder(t.Context(), t, nil, "--dump", "--for", "100ms", "--force", l.Client.Port(), "wg0")
	if o.status != 2 {
		t.Errorf("exit status %d, %q", o.status, o.stderr)
	}
	checkDetached(t, l)
}
