package flow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Protocol is an IP protocol number.
type Protocol uint8

// The protocols that have a state machine of their own.
const (
	ProtocolICMP   Protocol = 1
	ProtocolTCP    Protocol = 6
	ProtocolUDP    Protocol = 17
	ProtocolICMPv6 Protocol = 58
)

// Further protocols whose headers begin with ports.
const (
	ProtocolDCCP    Protocol = 33
	ProtocolSCTP    Protocol = 132
	ProtocolUDPLite Protocol = 136
)

var protocolNames = [256]string{
	ProtocolICMP:    "icmp",
	2:               "igmp",
	4:               "ipip",
	ProtocolTCP:     "tcp",
	ProtocolUDP:     "udp",
	ProtocolDCCP:    "dccp",
	41:              "ipv6",
	47:              "gre",
	50:              "esp",
	51:              "ah",
	ProtocolICMPv6:  "icmpv6",
	89:              "ospf",
	103:             "pim",
	112:             "vrrp",
	ProtocolSCTP:    "sctp",
	ProtocolUDPLite: "udplite",
}

// String returns the protocol's name, or its number where it has no short one.
func (p Protocol) String() string {
	if name := protocolNames[p]; name != "" {
		return name
	}
	return strconv.Itoa(int(p))
}

// ProtocolNamed returns the protocol that [Protocol.String] gives this name, or
// that goes by it elsewhere: icmp6 in tcpdump, ipv6-icmp in /etc/protocols. Case
// does not matter.
func ProtocolNamed(name string) (p Protocol, ok bool) {
	name = strings.ToLower(name)
	if name == "icmp6" || name == "ipv6-icmp" {
		return ProtocolICMPv6, true
	}
	for p, known := range protocolNames {
		if known == name && name != "" {
			return Protocol(p), true
		}
	}
	return 0, false
}

// HasPorts reports whether tuples of this protocol carry ports.
func (p Protocol) HasPorts() bool {
	switch p {
	case ProtocolTCP, ProtocolUDP, ProtocolSCTP, ProtocolUDPLite, ProtocolDCCP:
		return true
	}
	return false
}

// HasICMP reports whether tuples of this protocol carry an ICMP type and id.
func (p Protocol) HasICMP() bool {
	return p == ProtocolICMP || p == ProtocolICMPv6
}

// Tuple is a protocol and two ends as one packet shows them.
// It is comparable and may serve as a map key.
type Tuple struct {
	Proto Protocol
	// Src and Dst are the two ends. Ports are zero for protocols without.
	Src, Dst netip.AddrPort
	// ICMPType, ICMPCode and ICMPID describe the request of an ICMP flow.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// VLAN is the outer VLAN id, VLANInner the one within, VLANThird the one
	// within that; zero is none.
	VLAN, VLANInner, VLANThird uint16
	// Session is the PPPoE session, zero where there is none.
	Session uint16
}

// VLANs returns the VLAN ids, the outer one first; zero is none.
func (t Tuple) VLANs() [3]uint16 { return [...]uint16{t.VLAN, t.VLANInner, t.VLANThird} }

// Reverse returns the tuple of a packet that goes the other way.
func (t Tuple) Reverse() Tuple {
	t.Src, t.Dst = t.Dst, t.Src
	return t
}

// String returns the tuple on one line, as in "tcp 10.0.0.1:40000 → 10.0.0.2:443".
func (t Tuple) String() string {
	return fmt.Sprintf("%s %s → %s", t.Proto, t.Source(), t.Destination())
}

// Source returns the source end as text: address and port, or address and
// ICMP request, or the address alone.
func (t Tuple) Source() string {
	if t.Proto.HasICMP() {
		return fmt.Sprintf("%s %s #%d", t.Src.Addr(), ICMPTypeName(t.Proto, t.ICMPType), t.ICMPID)
	}
	return t.end(t.Src)
}

// Destination returns the destination end as text.
func (t Tuple) Destination() string {
	return t.end(t.Dst)
}

func (t Tuple) end(a netip.AddrPort) string {
	if t.Proto.HasPorts() {
		return a.String()
	}
	return a.Addr().String()
}

// ICMPTypeName returns the short name of an ICMP request type.
func ICMPTypeName(p Protocol, icmpType uint8) string {
	if p == ProtocolICMPv6 {
		if icmpType == 128 {
			return "echo"
		}
		return "type " + strconv.Itoa(int(icmpType))
	}
	switch icmpType {
	case 8:
		return "echo"
	case 13:
		return "timestamp"
	case 15:
		return "information"
	case 17:
		return "mask"
	}
	return "type " + strconv.Itoa(int(icmpType))
}
