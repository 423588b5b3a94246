package ipfix

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// defaultPort is IPFIX's port (RFC 7011 10.3.4, 10.4.4).
const defaultPort = "4739"

// Address is where a collector listens.
type Address struct {
	// Network is "udp" or "tcp".
	Network string
	// Host is a host and a port.
	Host string
}

// String returns the address as it is written in a flag.
func (a Address) String() string { return a.Network + "://" + a.Host }

// ParseAddress parses the address of a collector: udp://HOST:PORT, tcp://HOST:PORT, or
// HOST:PORT for UDP. The port may be left out, unless the host is a single word without
// anything else: that may be a slip.
func ParseAddress(s string) (Address, error) {
	wrong := fmt.Errorf("%q is not the address of a collector: write it like udp://192.0.2.1:%s, tcp://[2001:db8::1]:%[2]s or flows.example:%[2]s", s, defaultPort)
	network, rest, found := strings.Cut(s, "://")
	if !found {
		network, rest = "udp", s
	}
	if network != "udp" && network != "tcp" {
		return Address{}, wrong
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"), defaultPort
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return Address{}, wrong
		}
	}
	if err != nil && !found && !strings.ContainsAny(host, ".:") {
		return Address{}, fmt.Errorf("%q may be a host or a slip: write udp://%[1]s or %[1]s:%[2]s if a collector is called so", s, defaultPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/[] ") {
		return Address{}, wrong
	}
	return Address{Network: network, Host: net.JoinHostPort(host, port)}, nil
}
