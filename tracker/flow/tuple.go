package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// Protocol is an IP protocol number.
type Protocol uint8

// The protocols with their own state machine.
const (
	ProtocolICMP   Protocol = 1
	ProtocolTCP    Protocol = 6
	ProtocolUDP    Protocol = 17
	ProtocolICMPv6 Protocol = 58
)

// Other protocols whose headers begin with ports.
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

// String returns the protocol's name, or its number if it has no short name.
func (p Protocol) String() string {
	if name := protocolNames[p]; name != "" {
		return name
	}
	return strconv.Itoa(int(p))
}

// ProtocolNamed returns the protocol with the given name, ignoring case. It
// also accepts icmp6 of tcpdump and ipv6-icmp of /etc/protocols.
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

// HasPorts reports whether the protocol's tuples contain ports.
func (p Protocol) HasPorts() bool {
	switch p {
	case ProtocolTCP, ProtocolUDP, ProtocolSCTP, ProtocolUDPLite, ProtocolDCCP:
		return true
	}
	return false
}

// HasICMP reports whether the protocol's tuples contain an ICMP type and ID.
func (p Protocol) HasICMP() bool {
	return p == ProtocolICMP || p == ProtocolICMPv6
}

// Tuple is the protocol and the two ends of a packet. It is comparable, so it
// can be a map key.
type Tuple struct {
	Proto Protocol
	// Src and Dst are the two ends. Ports are 0 for protocols without ports.
	Src, Dst End
	// ICMPType, ICMPCode and ICMPID describe the request of an ICMP flow.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// VLAN, VLANInner and VLANThird are the VLAN IDs from the outermost tag on.
	// 0 means no tag.
	VLAN, VLANInner, VLANThird uint16
	// Session is the PPPoE session ID, 0 without PPPoE.
	Session uint16
	// Zone is where the flow was seen, so that equal tuples in two places are two
	// flows: the position of a watched interface among the tracker's, counted from
	// one. It is zero in a wire.
	Zone uint16 `json:",omitempty"`
}

// VLANs returns the VLAN IDs, the outermost first. 0 means no tag.
func (t Tuple) VLANs() [3]uint16 { return [...]uint16{t.VLAN, t.VLANInner, t.VLANThird} }

// Reverse returns the tuple of a packet in the opposite direction.
func (t Tuple) Reverse() Tuple {
	t.Src, t.Dst = t.Dst, t.Src
	return t
}

// String returns the tuple on one line, as in "tcp 10.0.0.1:40000 → 10.0.0.2:443".
func (t Tuple) String() string {
	return fmt.Sprintf("%s %s → %s", t.Proto, t.Source(), t.Destination())
}

// Source returns the source end as text: address and port, address and ICMP
// request, or only the address.
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

func (t Tuple) end(a End) string {
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
