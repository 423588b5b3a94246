package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// The words of the two languages that generated expressions are made of. They
// are few, so that many of them match.
var (
	someHosts = []string{"10.0.0.1", "10.0.0.2", "10.1.0.3", "192.168.1.9", "2001:db8::1", "2001:db8:1::2"}
	someNets  = []string{"10", "10.0", "10.0.0", "10.0.0.0/8", "192.168", "10.1.0.0/16", "2001:db8::/32", "2001:db8:1::/48", "0.0.0.0/0"}
	somePorts = []int{22, 53, 80, 443, 1000}
)

// population has flows of every kind that expressions can tell apart.
func population(r *rand.Rand, n int) []flow.Flow {
	flows := make([]flow.Flow, n)
	for i := range flows {
		family := someHosts[:4]
		if r.IntN(3) == 0 {
			family = someHosts[4:]
		}
		t := &flows[i].Tuple
		pick := func() flow.End {
			return flow.EndFrom(netip.MustParseAddr(family[r.IntN(len(family))]), 0)
		}
		t.Src, t.Dst = pick(), pick()
		switch r.IntN(4) {
		case 0, 1:
			t.Proto = []flow.Protocol{flow.ProtocolTCP, flow.ProtocolUDP}[r.IntN(2)]
			t.Src = flow.EndFrom(t.Src.Addr(), uint16(somePorts[r.IntN(len(somePorts))]))
			t.Dst = flow.EndFrom(t.Dst.Addr(), uint16(somePorts[r.IntN(len(somePorts))]))
		case 2:
			t.Proto, t.ICMPType = flow.ProtocolICMP, 8
			if t.Src.Addr().Is6() {
				t.Proto, t.ICMPType = flow.ProtocolICMPv6, 128
			}
			t.ICMPID = uint16(somePorts[r.IntN(len(somePorts))])
		default:
			t.Proto = 47
		}
	}
	return flows
}

// primitiveOf returns one of tcpdump's primitives and what it means, by the plain
// words of pcap-filter(7).
func primitiveOf(r *rand.Rand) (string, func(flow.Tuple) bool) {
	way := []string{"", "src ", "dst ", "src or dst ", "src and dst "}[r.IntN(5)]
	ends := func(t flow.Tuple, holds func(flow.End) bool) bool {
		switch way {
		case "src ":
			return holds(t.Src)
		case "dst ":
			return holds(t.Dst)
		case "src and dst ":
			return holds(t.Src) && holds(t.Dst)
		}
		return holds(t.Src) || holds(t.Dst)
	}
	switch r.IntN(6) {
	case 0:
		host := someHosts[r.IntN(len(someHosts))]
		text := way + []string{"host ", ""}[r.IntN(2)] + host
		if text == host {
			text = "host " + host
		}
		if way == "src or dst " || way == "src and dst " {
			text = way + "host " + host
		}
		return text, func(t flow.Tuple) bool {
			return ends(t, func(e flow.End) bool { return e.Addr() == netip.MustParseAddr(host) })
		}
	case 1:
		net := someNets[r.IntN(len(someNets))]
		whole := map[string]string{"10": "10.0.0.0/8", "10.0": "10.0.0.0/16", "10.0.0": "10.0.0.0/24", "192.168": "192.168.0.0/16"}[net]
		if whole == "" {
			whole = net
		}
		return way + "net " + net, func(t flow.Tuple) bool {
			return ends(t, func(e flow.End) bool { return netip.MustParsePrefix(whole).Contains(e.Addr()) })
		}
	case 2, 3:
		proto := []string{"", "tcp ", "udp "}[r.IntN(3)]
		low := somePorts[r.IntN(len(somePorts))]
		high, text := low, fmt.Sprintf("%s%sport %d", proto, way, low)
		if r.IntN(3) == 0 {
			high += r.IntN(500)
			text = fmt.Sprintf("%s%sportrange %d-%d", proto, way, low, high)
		}
		return text, func(t flow.Tuple) bool {
			return t.Proto.HasPorts() && (proto == "" || t.Proto.String()+" " == proto) &&
				ends(t, func(e flow.End) bool { return low <= int(e.Port()) && int(e.Port()) <= high })
		}
	case 4:
		name := []string{"tcp", "udp", "icmp", "icmp6", "ip", "ip6"}[r.IntN(6)]
		return name, func(t flow.Tuple) bool {
			switch name {
			case "ip":
				return t.Src.Addr().Is4()
			case "ip6":
				return t.Src.Addr().Is6()
			}
			return t.Proto == map[string]flow.Protocol{"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}[name]
		}
	}
	number := []int{6, 17, 47, 1}[r.IntN(4)]
	family := []string{"", "ip ", "ip6 "}[r.IntN(3)]
	return fmt.Sprintf("%sproto %d", family, number), func(t flow.Tuple) bool {
		return int(t.Proto) == number && (family == "" || (family == "ip ") == t.Src.Addr().Is4())
	}
}

// expressionOf returns an expression of tcpdump and its meaning.
func expressionOf(r *rand.Rand, depth int) (string, func(flow.Tuple) bool) {
	if depth == 0 || r.IntN(4) == 0 {
		text, holds := primitiveOf(r)
		return listed(r, text, holds)
	}
	a, inA := expressionOf(r, depth-1)
	if r.IntN(4) == 0 {
		return []string{"not ", "! ", "!"}[r.IntN(3)] + "(" + a + ")", func(t flow.Tuple) bool { return !inA(t) }
	}
	b, inB := expressionOf(r, depth-1)
	if r.IntN(2) == 0 {
		return "(" + a + []string{" and ", " && ", "&&"}[r.IntN(3)] + b + ")", func(t flow.Tuple) bool { return inA(t) && inB(t) }
	}
	return "(" + a + []string{" or ", " || ", "||"}[r.IntN(3)] + b + ")", func(t flow.Tuple) bool { return inA(t) || inB(t) }
}

// listed may give a port a second one that is not called a port again.
func listed(r *rand.Rand, text string, holds func(flow.Tuple) bool) (string, func(flow.Tuple) bool) {
	i := strings.Index(text, "port ")
	if i < 0 || r.IntN(3) > 0 {
		return text, holds
	}
	second := somePorts[r.IntN(len(somePorts))]
	parsed := text[:i+5]
	also := func(t flow.Tuple) bool {
		if !t.Proto.HasPorts() || strings.HasPrefix(parsed, "tcp") && t.Proto != 6 || strings.HasPrefix(parsed, "udp") && t.Proto != 17 {
			return false
		}
		src, dst := int(t.Src.Port()) == second, int(t.Dst.Port()) == second
		switch {
		case strings.Contains(parsed, "src and dst"):
			return src && dst
		case strings.Contains(parsed, "src or dst"):
			return src || dst
		case strings.Contains(parsed, "src"):
			return src
		case strings.Contains(parsed, "dst"):
			return dst
		}
		return src || dst
	}
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("(%s or %d)", text, second), func(t flow.Tuple) bool { return holds(t) || also(t) }
	case 1:
		return fmt.Sprintf("(%s and not %d)", text, second), func(t flow.Tuple) bool { return holds(t) && !also(t) }
	case 2:
		return fmt.Sprintf("%s(%s or %d)", parsed, text[i+5:], second), func(t flow.Tuple) bool { return holds(t) || also(t) }
	}
	return fmt.Sprintf("not %s", text), func(t flow.Tuple) bool { return !holds(t) }
}

// TestMeaning compares generated expressions with what they were made to mean.
func TestMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	flows := population(r, 200)
	for range 3000 {
		text, holds := expressionOf(r, 3)
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i := range flows {
			if got, want := f.Match(&flows[i]), holds(flows[i].Tuple); got != want {
				t.Fatalf("%s matches %s: %v, want %v", text, flows[i].Tuple, got, want)
			}
		}
	}
}

// TestDeMorgan negates both sides of generated expressions.
func TestDeMorgan(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	flows := population(r, 200)
	for range 500 {
		a, _ := expressionOf(r, 2)
		b, _ := expressionOf(r, 2)
		for _, pair := range [][2]string{
			{"not (" + a + " or " + b + ")", "not (" + a + ") and not (" + b + ")"},
			{"!(" + a + " && " + b + ")", "!(" + a + ") || !(" + b + ")"},
			{a + " and (" + b + ")", "(" + b + ") " + "(" + a + ")"},
			{"not not (" + a + ")", a},
		} {
			left, err := Parse(pair[0])
			if err != nil {
				t.Fatalf("%s: %v", pair[0], err)
			}
			right, err := Parse(pair[1])
			if err != nil {
				t.Fatalf("%s: %v", pair[1], err)
			}
			for i := range flows {
				if left.Match(&flows[i]) != right.Match(&flows[i]) {
					t.Fatalf("%s and %s differ about %s", pair[0], pair[1], flows[i].Tuple)
				}
			}
		}
	}
}

// TestEquivalents has both columns of the table match the same flows.
func TestEquivalents(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	flows := population(r, 500)
	for i := range flows {
		if i%3 == 0 {
			flows[i].Tuple.VLAN = uint16(i % 8)
		}
		if i%4 == 0 {
			flows[i].Tuple.Session = uint16(i % 16)
		}
	}
	for _, row := range Equivalents() {
		left, err := Parse(row.Form)
		if err != nil {
			t.Fatalf("%s: %v", row.Form, err)
		}
		right, err := Parse(row.Means)
		if err != nil {
			t.Fatalf("%s: %v", row.Means, err)
		}
		picks := 0
		for i := range flows {
			if left.Match(&flows[i]) != right.Match(&flows[i]) {
				t.Errorf("%s and %s differ about %s", row.Form, row.Means, flows[i].Tuple)
			}
			if left.Match(&flows[i]) {
				picks++
			}
		}
		if picks == 0 || picks == len(flows) {
			t.Errorf("%s matches %d of %d flows", row.Form, picks, len(flows))
		}
	}
}

// TestNamesOfHosts has names only where they are known, and matches nothing by
// one before that.
func TestNamesOfHosts(t *testing.T) {
	one := tcp("10.0.0.7:51514", "192.168.1.2:443")
	known := map[netip.Addr]string{netip.MustParseAddr("192.168.1.2"): "Web.example.com", netip.MustParseAddr("10.0.0.7"): ""}
	for text, want := range map[string]bool{
		"host web": true, "host:web.example.com": true, "src host web": false, "dst web": true, "host we": false,
		"~web.ex": true, "not host web": false, "host example.com": false, "host:10.0.0.7,x": true,
	} {
		if _, err := Parse(text); err == nil && !strings.HasPrefix(text, "~") {
			t.Errorf("%s is read where no names are known", text)
		}
		f, err := ParseNamed(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Named(known).Match(one); got != want {
			t.Errorf("%s matches: %v", text, got)
		}
		if !f.UsesNames() || f.WantsNames() == strings.HasPrefix(text, "~") {
			t.Errorf("%s does not depend on names", text)
		}
	}
	f, err := ParseNamed("not host web")
	other := tcp("10.0.0.7:51514", "192.168.1.3:443")
	if err != nil || f.Match(one) || f.Named(known).Match(other) {
		t.Error("the opposite of a name matches an address whose name nobody knows")
	}
	for _, name := range []string{"443", "10.0.0", "a b", "", "tcp/80"} {
		if isHostName(name) {
			t.Errorf("%q is taken for the name of a host", name)
		}
	}
}

// TestCheck refuses interfaces that are none of the tracker's.
func TestCheck(t *testing.T) {
	for text, column := range map[string]int{"in:veth1": 0, "in!=veth3": 5, "tcp in:veth1,veth3": 14, "in eth0": 4} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		if errors.As(f.Check(&veths), &e); (e == nil) != (column == 0) || e != nil && e.Column != column {
			t.Errorf("%s: %v", text, e)
		}
	}
}
