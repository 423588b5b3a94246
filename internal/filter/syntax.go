package filter

import (
	"fmt"
	"strings"
)

// Row is one line of the language's description.
type Row struct{ Form, Means string }

// Forms returns the parts of terms and the operators that join them.
func Forms() []Row {
	return []Row{
		{"443 10.0.0.7 tcp", "a port, ICMP id or flow id; an address; a protocol or state"},
		{"~text", "protocol, addresses, ports, state or names contain the text"},
		{"a b · a and b", "both must hold; also a && b"},
		{"a or b", "one must hold; also a || b; a b or c is (a b) or c"},
		{"!a · not a", "it must not hold"},
		{"(a or b) c", "parentheses group; or before and needs them"},
		{"f:1,2 · f:1-9", "a field has any of the values, or one in a range"},
		{"f>1 f>=1 f<1 f!=1", "comparisons; k M G T are powers of a thousand"},
		{"f 1 · f > 1", "the same with spaces; greater is >=, less is <="},
	}
}

// Equivalents returns tcpdump expressions and the equivalent terms.
func Equivalents() []Row {
	return []Row{
		{"host 10.0.0.1", "host:10.0.0.1"},
		{"src 10.0.0.1", "src:10.0.0.1"},
		{"src host 10.0.0.1", "src:10.0.0.1"},
		{"src or dst host 10.0.0.1", "host:10.0.0.1"},
		{"src and dst net 10", "src:10.0.0.0/8 dst:10.0.0.0/8"},
		{"net 10.0.0.0/8", "net:10.0.0.0/8"},
		{"net 10.1.0.0 mask 255.255.0.0", "net:10.1.0.0/16"},
		{"port 443", "port:443"},
		{"src port 80", "sport:80"},
		{"dst port domain", "dport:domain"},
		{"portrange 1-99", "port:1-99"},
		{"tcp port 80 or 443", "proto:tcp port:80,443"},
		{"not port (22 or 443)", "!port:22,443"},
		{"tcp and not port 443", "proto:tcp !port:443"},
		{"tcp && !(port 22 || icmp)", "proto:tcp !(port:22 or proto:icmp)"},
		{"proto 47", "proto:47"},
		{"ip proto gre", "ip proto:gre"},
		{"icmp6", "proto:icmpv6"},
		{"ip host 10.0.0.1", "ip host:10.0.0.1"},
		{"ip6", "!net:0.0.0.0/0"},
		{"vlan", "!vlan:0"},
		{"vlan 7", "vlan:7"},
		{"pppoes", "!pppoe:0"},
		{"pppoes 8", "pppoe:8"},
	}
}

// Differences describes the differences from tcpdump.
const Differences = `tcpdump selects packets; a filter selects flows, which have two directions. src and
dst are the ends of a flow's first packet: "dst port 80" selects the flows to web
servers with all of their packets, and "src port 80" only flows opened from port 80.
vlan matches the outer or an inner id. Other terms match with and without a tag or a
PPPoE session. "a or b and c" needs parentheses. Primitives that flows do not have
(greater, less, len, ether, arp, bytes of packets) are an error that says what to
write instead.`

// Terms returns a row for every field and flag.
func Terms() []Row {
	var rows []Row
	for _, f := range fields {
		rows = append(rows, Row{f.Form, f.Means})
	}
	for _, name := range flagNames() {
		if f, ok := flagNamed(name); ok {
			rows = append(rows, Row{name, f.Means})
		}
	}
	return rows
}

// Syntax returns the description of the language as plain text, for the manual.
func Syntax() string {
	var b strings.Builder
	for _, r := range append(append(Forms(), Terms()...), Equivalents()...) {
		fmt.Fprintf(&b, "%-18s %s\n", r.Form, r.Means)
	}
	return b.String()
}
