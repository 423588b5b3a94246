package flow

import (
	"fmt"
	"net/netip"
)

// End is one end of a conversation: an address, without a zone, and a port. Unlike a
// [netip.AddrPort] it contains no pointer, so the garbage collector does not look into
// tables of flows. It is comparable. The zero End has no address.
type End struct {
	// addr is the address as of [netip.Addr.As16].
	addr   [16]byte
	port   uint16
	family Family
}

// Family is the version of the Internet protocol of an address, 4 or 6.
type Family uint8

// The versions of the Internet protocol. The zero Family is none.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// EndOf returns the end with an address of a family, and a port. An IPv4 address begins
// with the prefix ::ffff:0:0/96.
func EndOf(f Family, addr [16]byte, port uint16) End { return End{addr, port, f} }

// EndFrom returns the end with an address and a port.
func EndFrom(a netip.Addr, port uint16) End {
	switch {
	case a.Is4():
		return End{a.As16(), port, IPv4}
	case a.Is6():
		return End{a.As16(), port, IPv6}
	}
	return End{port: port}
}

// MustParseEnd returns the end that a text like "10.0.0.1:80" describes. It panics if
// the text cannot be parsed.
func MustParseEnd(s string) End {
	a := netip.MustParseAddrPort(s)
	return EndFrom(a.Addr(), a.Port())
}

// Addr returns the address.
func (e End) Addr() netip.Addr {
	switch e.family {
	case IPv4:
		return netip.AddrFrom4([4]byte(e.addr[12:]))
	case IPv6:
		return netip.AddrFrom16(e.addr)
	}
	return netip.Addr{}
}

// As16 returns the address as [netip.Addr.As16] does.
func (e End) As16() [16]byte { return e.addr }

// Port returns the port.
func (e End) Port() uint16 { return e.port }

// WithPort returns the end with another port.
func (e End) WithPort(port uint16) End { return End{e.addr, port, e.family} }

// addrPort returns the end as the standard library has it.
func (e End) addrPort() netip.AddrPort { return netip.AddrPortFrom(e.Addr(), e.port) }

// String returns the end as text, as in "10.0.0.1:80" and "[2001:db8::1]:80".
func (e End) String() string { return e.addrPort().String() }

// AppendTo appends the end as text.
func (e End) AppendTo(b []byte) []byte { return e.addrPort().AppendTo(b) }

// MarshalText implements [encoding.TextMarshaler].
func (e End) MarshalText() ([]byte, error) { return e.addrPort().MarshalText() }

// UnmarshalText implements [encoding.TextUnmarshaler]. It refuses zones of IPv6
// addresses: they may be any text, and no packet has one.
func (e *End) UnmarshalText(text []byte) error {
	var a netip.AddrPort
	if err := a.UnmarshalText(text); err != nil {
		return err
	}
	if a.Addr().Zone() != "" {
		return fmt.Errorf("parse the end of a flow: %q has a zone", text)
	}
	*e = EndFrom(a.Addr(), a.Port())
	return nil
}
