package filter

import (
	"slices"
	"strings"

	"ctop/tracker/flow"
)

// Field is something about a flow that a filter can ask for.
type Field struct {
	Name string
	// Form is an example of a term, Means what it stands for.
	Form, Means string

	values func() []string
	// read makes a term of an operator and a value; bad is where in the value
	// the mistake is.
	read func(op, value string) (holds term, bad int, err error)
}

// flag is a word that is true of a flow or not.
type flag struct {
	means string
	term  term
}

var flags = map[string]flag{
	"reply":  {"it was answered; !reply: seen one way only", func(s subject) bool { return s.flow.Reply.Seen() }},
	"pinned": {"it has a timeout of its own", func(s subject) bool { return s.flow.OwnTimeout }},
}

var fields = []Field{
	{"proto", "proto:tcp,udp", "the protocol, by name or number", protocolNames, among(readProto)},
	{"state", "state:syn", "a state, or how its name begins; ended: a while ago", stateNames, among(readState)},
	{"host", "host:10.0.*", "either address, prefix or pattern; a name where shown", nil, nil},
	{"net", "net:10.0.0.0/8", "the same as host", nil, nil},
	{"src", "src:2001:db8::/32", "the address of the origin", nil, nil},
	{"dst", "dst:10.0.0.7", "the address of the reply", nil, nil},
	{"port", "port:80,https", "either port, by number or name", nil, number(readPort, sourcePort, destinationPort)},
	{"portrange", "portrange:1-99", "the same as port", nil, number(readPort, sourcePort, destinationPort)},
	{"sport", "sport>1023", "the port of the origin", nil, number(readPort, sourcePort)},
	{"dport", "dport:1000-2000", "the port of the reply", nil, number(readPort, destinationPort)},
	{"icmp", "icmp:echo", "the ICMP request, by name or number", icmpNames, among(readICMP)},
	{"in", "in:veth1", "the interface of the first packet", nil, among(readInterface)},
	{"vlan", "vlan:10", "one of its VLAN ids; 0: none", nil, number(readVLAN, vlan, vlanInner, vlanThird)},
	{"pppoe", "pppoe:7", "its PPPoE session; 0: none", nil, number(readSession, session)},
	{"pppoes", "pppoes:7", "the same as pppoe", nil, number(readSession, session)},
	{"id", "id:9f3c", "the flow's id, or how it begins", nil, among(readID)},
	{"rate", "rate>1M", "bits per second, both ways", nil, number(readCount, bitRate)},
	{"bps", "bps>=1M", "the same as rate", nil, number(readCount, bitRate)},
	{"pps", "pps>1k", "packets per second, both ways", nil, number(readCount, packetRate)},
	{"bytes", "bytes>1G", "bytes since the flow was first seen", nil, number(readCount, byteCount)},
	{"packets", "packets<10", "packets since then", nil, number(readCount, packetCount)},
	{"age", "age>1h", "the time since the first packet", nil, number(readSpan, age)},
	{"idle", "idle>30s", "the time since the last packet", nil, number(readSpan, idle)},
	{"ttl", "ttl<1m", "what is left of the timeout", nil, number(readSpan, ttl)},
	{"timeout", "timeout<1h", "how long the flow may be silent", nil, number(readSpan, timeout)},
	{"rtt", "rtt>100ms", "the handshake's round trip", nil, number(readSpan, roundTrip)},
	{"retrans", "retrans>0", "TCP segments sent again", nil, number(readCount, retransmits)},
	{"reordered", "reordered>0", "TCP segments that came out of order", nil, number(readCount, reordered)},
	{"zerowin", "zerowin>0", "times that a side closed its window", nil, number(readCount, zeroWindows)},
	{"invalid", "invalid>0", "packets that were no part of the flow", nil, number(readCount, invalid)},
	{"related", "related>0", "ICMP errors about the flow", nil, number(readCount, related)},
	{"reason", "reason:rst", "why a flow ended a while ago", reasonNames, among(readReason)},
}

func fieldNamed(name string) (Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// FieldNames returns the names of all fields.
func FieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

func flagNames() []string {
	var names []string
	for name := range flags {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// hosts returns the ends whose addresses a field asks for, nil where it asks for
// something else.
func (f Field) hosts() []end {
	switch f.Name {
	case "host", "net":
		return []end{source, destination}
	case "src":
		return []end{source}
	case "dst":
		return []end{destination}
	}
	return nil
}

// alone returns what the name of a field means without a value, nil where it needs
// one.
func (f Field) alone() term {
	switch f.Name {
	case "vlan":
		return tagged
	case "pppoes":
		return inSession
	}
	return nil
}

// counts reports whether a field has values that may be taken for those of a
// term without one.
func (f Field) counts() bool { return f.values == nil && f.Name != "in" }

// begins reports whether the last of several values is what one begins with.
func (f Field) begins(values string) bool {
	last := values[strings.LastIndex(values, ",")+1:]
	return f.values != nil && len(beginning(f.values(), last)) > 0
}

// wantsEnded reports whether a term asks for flows that have ended.
func (f Field) wantsEnded(value string) bool {
	return f.Name == "reason" || f.Name == "state" && asksForEnded(value)
}

// measure is a number that a flow has, unless it is not known.
type measure func(subject) (value float64, known bool)

func sourcePort(s subject) (float64, bool) {
	return float64(s.flow.Tuple.Src.Port()), s.flow.Tuple.Proto.HasPorts()
}

func destinationPort(s subject) (float64, bool) {
	return float64(s.flow.Tuple.Dst.Port()), s.flow.Tuple.Proto.HasPorts()
}

func tagged(s subject) bool { return s.flow.Tuple.VLAN != 0 }

func vlan(s subject) (float64, bool) { return float64(s.flow.Tuple.VLAN), true }

func vlanInner(s subject) (float64, bool) {
	return float64(s.flow.Tuple.VLANInner), s.flow.Tuple.VLANInner != 0
}

func vlanThird(s subject) (float64, bool) {
	return float64(s.flow.Tuple.VLANThird), s.flow.Tuple.VLANThird != 0
}

func inSession(s subject) bool { return s.flow.Tuple.Session != 0 }

func session(s subject) (float64, bool) { return float64(s.flow.Tuple.Session), true }

func bitRate(s subject) (float64, bool)     { return s.flow.BPS(), true }
func packetRate(s subject) (float64, bool)  { return s.flow.Origin.PPS + s.flow.Reply.PPS, true }
func byteCount(s subject) (float64, bool)   { return float64(s.flow.Bytes()), true }
func packetCount(s subject) (float64, bool) { return float64(s.flow.Packets()), true }
func age(s subject) (float64, bool)         { return s.flow.Age.Seconds(), true }

// What only a snapshot knows: a flow that an event tells of has no timeout.
func idle(s subject) (float64, bool)    { return s.flow.Idle.Seconds(), s.flow.Timeout > 0 }
func ttl(s subject) (float64, bool)     { return s.flow.TTL(0).Seconds(), s.flow.Timeout > 0 }
func timeout(s subject) (float64, bool) { return s.flow.Timeout.Seconds(), s.flow.Timeout > 0 }

func roundTrip(s subject) (float64, bool) {
	d := s.flow.Origin.RTT + s.flow.Reply.RTT
	return d.Seconds(), d > 0
}

func retransmits(s subject) (float64, bool) {
	return float64(s.flow.Origin.Retransmits) + float64(s.flow.Reply.Retransmits), true
}

func reordered(s subject) (float64, bool) {
	return float64(s.flow.Origin.Reordered) + float64(s.flow.Reply.Reordered), true
}

func zeroWindows(s subject) (float64, bool) {
	return float64(s.flow.Origin.ZeroWindows) + float64(s.flow.Reply.ZeroWindows), true
}

func invalid(s subject) (float64, bool) { return float64(s.flow.Invalid), true }
func related(s subject) (float64, bool) { return float64(s.flow.Related), true }

func protocolNames() []string { return []string{"tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "esp"} }
func icmpNames() []string     { return []string{"echo", "timestamp", "information", "mask"} }

// ended stands, as a state, for flows that have ended.
const ended = "ended"

func stateNames() []string {
	var names []string
	for _, s := range flow.States() {
		names = append(names, strings.ToLower(s.String()))
	}
	return append(names, ended)
}

func reasonNames() []string {
	var names []string
	for _, r := range flow.Reasons() {
		names = append(names, r.String())
	}
	return names
}
