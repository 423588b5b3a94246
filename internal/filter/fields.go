package filter

import (
	"fmt"
	"slices"
	"strings"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// Field is a property of a flow that a filter can test.
type Field struct {
	Name string
	// Form is an example of a term, Means its meaning.
	Form, Means string

	values func() []string
	// read returns the term for an operator and a value. On error, bad is the
	// offset of the mistake in the value.
	read func(op, value string) (holds term, bad int, err error)
}

// identity are the terms about the flow's identity. Each has its own syntax.
var identity = []Field{
	{"proto", "proto:tcp,udp", "the protocol, by name or number", protocolNames, among(readProto)},
	{"state", "state:syn", "a state, or a prefix of one; ended: ended flows", stateNames, among(readState)},
	{"host", "host:10.0.*", "either address, prefix or pattern; a name where shown", nil, nil},
	{"net", "net:10.0.0.0/8", "the same as host", nil, nil},
	{"src", "src:2001:db8::/32", "the address of the origin", nil, nil},
	{"dst", "dst:10.0.0.7", "the address of the reply", nil, nil},
	{"name", "name:*.example.org", "a name of either end: yours, of traffic, or looked up", nil, among(readName)},
	{"country", "country:DE", "the country of either end (--geo-file)", nil, among(readCountry)},
	{"as", "as:64500", "the autonomous system of either end, by number or name: as:*Example*", nil, among(readSystem)},
	{"dir", "dir:in", "in or out, as its first packet went where it is watched", ways, among(readWay)},
	{"local", "local:443", "the address or port of the end that is this machine", nil, nil},
	{"remote", "remote:10.0.0.0/8", "the address or port of the end that faces it", nil, nil},
	{"port", "port:80,https", "either port, by number or name", nil, number(readPort, measured("origin.sport"), measured("origin.dport"))},
	{"portrange", "portrange:1-99", "the same as port", nil, number(readPort, measured("origin.sport"), measured("origin.dport"))},
	{"sport", "sport>1023", "the port of the origin", nil, number(readPort, measured("origin.sport"))},
	{"dport", "dport:1000-2000", "the port of the reply", nil, number(readPort, measured("origin.dport"))},
	{"icmp", "icmp:echo", "the ICMP request, by name or number", icmpNames, among(readICMP)},
	{"vlan", "vlan:10", "one of its VLAN ids; 0: none", nil, number(readVLAN, vlan, measured("vlan_inner"), measured("vlan_third"))},
	{"pppoe", "pppoe:7", "its PPPoE session; 0: none", nil, number(readSession, session)},
	{"pppoes", "pppoes:7", "the same as pppoe", nil, number(readSession, session)},
	{"id", "id:9f3c", "the flow's id, or a prefix of it", nil, among(readID)},
}

// endings are the terms about ended flows, and synonyms.
var endings = []Field{
	{"bps", "bps>=1M", "the same as rate", nil, number(readCount, measured("rate"))},
	{"reason", "reason:rst", "the reason why a flow ended", reasonNames, among(readReason)},
}

// fields are all terms: identity, every number and text of the registry, and
// endings.
var fields = slices.Concat(identity, registered(), endings)

func registered() []Field {
	var list []Field
	rows := field.All()
	for i := range rows {
		f := &rows[i]
		if f.Means == "" || slices.ContainsFunc(identity, func(i Field) bool { return i.Name == f.Name }) {
			continue
		}
		t := Field{Name: f.Name, Means: f.Means}
		if f.Unit != "" {
			t.Means += ", in " + f.Unit
		}
		switch f.Kind {
		case field.Count, field.Rate:
			t.Form, t.read = f.Name+example(f, ">1M"), number(readCount, measureOf(f))
		case field.Span:
			t.Form, t.read = f.Name+example(f, ">1m"), number(readSpan, measureOf(f))
		case field.Text:
			t.Form, t.read = f.Name+example(f, ":name"), among(readText(f))
		default:
			continue
		}
		list = append(list, t)
	}
	return list
}

// example returns the comparison in an example of a field.
func example(f *field.Field, otherwise string) string {
	if f.Example != "" {
		return f.Example
	}
	return otherwise
}

// fieldNamed returns the field with the given name. It accepts earlier
// spellings.
func fieldNamed(name string) (Field, bool) {
	named := func(f Field) bool { return f.Name == name }
	if i := slices.IndexFunc(fields, named); i >= 0 {
		return fields[i], true
	}
	row, ok := field.Term(name)
	if !ok {
		return Field{}, false
	}
	name = row.Name
	if i := slices.IndexFunc(fields, named); i >= 0 {
		return fields[i], true
	}
	return Field{}, false
}

// flagNamed returns the flag with the given name. It accepts earlier spellings.
func flagNamed(name string) (*field.Field, bool) {
	f, ok := field.Term(name)
	return f, ok && isFlag(f)
}

func hasFlag(name string) bool {
	_, ok := flagNamed(name)
	return ok
}

func isFlag(f *field.Field) bool { return f.Kind == field.Flag && f.Means != "" }

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
	for _, f := range field.All() {
		if isFlag(&f) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// isRate reports whether a term is about a rate.
func isRate(name string) bool {
	f, ok := field.Named(name)
	return name == "bps" || ok && f.Kind == field.Rate
}

// ofEvents reports whether there are events that a term can be about.
func ofEvents(name string) bool {
	switch name {
	case "ttl", "timeout", "idle", "pinned", "one_sided", "inherited", "nat", onHost:
		return false
	}
	return !isRate(name) && !isChange(name) && name != firstSeen
}

// ofTraces reports whether a term can be about a packet.
func ofTraces(name string) bool {
	return name == onInterface || !isSide(name) && slices.ContainsFunc(identity, func(f Field) bool { return f.Name == name })
}

// hosts returns the ends whose addresses the field tests, nil if it tests
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

func ways() []string { return []string{"in", "out"} }

// readWay parses the direction of a flow's first packet.
func readWay(value string) (term, error) {
	way := strings.ToLower(value)
	if !contained(ways(), way) {
		return nil, fmt.Errorf("%q is not a direction: write in or out", value)
	}
	return func(s subject) bool { return s.flow.Tuple.Zone != 0 && s.flow.Outgoing == (way == "out") }, nil
}

// isSide reports whether a term is about the end that is this machine, or the one that
// faces it.
func isSide(name string) bool { return name == "local" || name == "remote" }

// alone returns the term for the field's name without a value, nil if it needs
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

// counts reports whether the field takes numbers that could also be a value
// without a keyword.
func (f Field) counts() bool { return f.values == nil && f.Name != onInterface }

// begins reports whether the last of several values is a prefix of a valid one.
func (f Field) begins(values string) bool {
	last := values[strings.LastIndex(values, ",")+1:]
	return f.values != nil && len(beginning(f.values(), last)) > 0
}

// wantsEnded reports whether a term selects ended flows.
func (f Field) wantsEnded(value string) bool {
	return f.Name == "reason" || f.Name == "state" && asksForEnded(value)
}

// measure returns a number of a flow, and whether it is known.
type measure func(subject) (value float64, known bool)

// measureOf returns the measure of a numeric field.
func measureOf(f *field.Field) measure {
	return func(s subject) (float64, bool) {
		n, known := f.Number(s.flow)
		return f.Kind.Value(n), known
	}
}

// measured returns the measure of the field with the given name.
func measured(name string) measure {
	f, ok := field.Named(name)
	if !ok {
		panic("no field is called " + name)
	}
	return measureOf(f)
}

// onInterface is the field of the interface at which the first packet arrived.
const onInterface = "if"

// onHost is the field of the host of a fleet.
const onHost = "on"

func tagged(s subject) bool    { return s.flow.Tuple.VLAN != 0 }
func inSession(s subject) bool { return s.flow.Tuple.Session != 0 }

// Untagged flows have VLAN 0, and flows outside PPPoE have session 0.
func vlan(s subject) (float64, bool)    { return float64(s.flow.Tuple.VLAN), true }
func session(s subject) (float64, bool) { return float64(s.flow.Tuple.Session), true }

func protocolNames() []string { return []string{"tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "esp"} }
func icmpNames() []string     { return []string{"echo", "timestamp", "information", "mask"} }

// ended is the value of the state field that selects ended flows.
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
