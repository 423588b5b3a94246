package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// noProbes turns keepalive probes off. Go would send one after 15 seconds, and a connection on
// which nobody says anything has no packets, however long a busy machine takes.
const noProbes = -1

// Dial connects from inside the namespace. The address must be numeric: a
// resolver would query a name server from another goroutine, outside.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return h.DialFrom(ctx, network, "", address)
}

// DialFrom is Dial from a local "address" or "address:port".
func (h *Host) DialFrom(ctx context.Context, network, local, address string) (net.Conn, error) {
	dialer := &net.Dialer{KeepAlive: noProbes}
	if local != "" {
		addr, err := localAddr(network, local)
		if err != nil {
			return nil, fmt.Errorf("dial from %s: %w", h.name, err)
		}
		dialer.LocalAddr = addr
	}
	return h.dial(ctx, dialer, network, address)
}

func (h *Host) dial(ctx context.Context, dialer *net.Dialer, network, address string) (conn net.Conn, err error) {
	err = h.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, fmt.Errorf("dial from %s: %w", h.name, err)
	}
	return conn, nil
}

// Listen listens on a numeric "address:port" inside the namespace. The socket
// is plain TCP; Go would otherwise request multipath TCP.
func (h *Host) Listen(ctx context.Context, network, address string) (listener net.Listener, err error) {
	config := net.ListenConfig{KeepAlive: noProbes}
	config.SetMultipathTCP(false)
	err = h.Do(func() (err error) {
		listener, err = config.Listen(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", h.name, err)
	}
	return listener, nil
}

// ListenPacket listens on a numeric "address:port" ("address" for raw IP,
// network "ip4:icmp") inside the namespace.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (conn net.PacketConn, err error) {
	var config net.ListenConfig
	err = h.Do(func() (err error) {
		conn, err = config.ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", h.name, err)
	}
	return conn, nil
}

// localAddr returns the local address as net.Dialer requires it for this
// network.
func localAddr(network, local string) (net.Addr, error) {
	addrPort, err := netip.ParseAddrPort(local)
	if err != nil {
		addr, err := netip.ParseAddr(local)
		if err != nil {
			return nil, fmt.Errorf("parse local address: %w", err)
		}
		addrPort = netip.AddrPortFrom(addr, 0)
	}
	switch {
	case strings.HasPrefix(network, "tcp"):
		return net.TCPAddrFromAddrPort(addrPort), nil
	case strings.HasPrefix(network, "udp"):
		return net.UDPAddrFromAddrPort(addrPort), nil
	case strings.HasPrefix(network, "ip"):
		return &net.IPAddr{IP: addrPort.Addr().AsSlice(), Zone: addrPort.Addr().Zone()}, nil
	}
	return nil, fmt.Errorf("choose local address: %w", net.UnknownNetworkError(network))
}
