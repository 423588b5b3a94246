package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// fits does what capture_fits does in bpf/capture.h.
func fits(r flow.Rule, t *flow.Tuple) bool {
	end := func(e flow.RuleEnd, of flow.End) bool {
		return (!e.Net.IsValid() || e.Net.Contains(of.Addr())) && (e.High == 0 || e.Low <= of.Port() && of.Port() <= e.High)
	}
	if r.HasProto && r.Proto != t.Proto || r.Family != 0 && (r.Family == 4) != t.Src.Addr().Is4() {
		return false
	}
	return end(r.Ends[0], t.Src) && end(r.Ends[1], t.Dst) || end(r.Ends[0], t.Dst) && end(r.Ends[1], t.Src)
}

func needed(needs []flow.Rule, t *flow.Tuple) bool {
	for _, r := range needs {
		if fits(r, t) {
			return true
		}
	}
	return needs == nil
}

// Whatever a filter matches fits its needs: else a capture missed a flow's first packets.
func TestNeedsHold(t *testing.T) {
	terms := []string{
		"tcp", "udp", "proto:tcp,udp", "ip", "ip6", "host 10.0.0.1", "src 10.0.0.2", "dst net 10.0.0.0/8", "net 10", "host:10.0.*",
		"port 443", "sport:53,80", "dport 1-100", "port>100", "port<=80", "443", "10.0.0.1", "10.0.0.1:443", "src host 10.0.0.1",
		"tcp port 443", "udp port (53 or 80)", "host:2001:db8::1", "port!=443", "vlan", "established", "src and dst net 10", "rate>1M",
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	filters := strings.Fields("tcp udp")
	for range 3000 {
		one := func() string {
			term := pick(terms...)
			if random.IntN(5) == 0 {
				term = "not (" + term + ")"
			}
			return "(" + term + ")"
		}
		text := one()
		for range random.IntN(3) {
			text = "(" + text + " " + pick("and", "or") + " " + one() + ")"
		}
		filters = append(filters, text)
	}
	narrow, parsed := 0, 0
	for _, text := range filters {
		f, err := Parse(text)
		if err != nil {
			continue // "443 after sport and or" and the like
		}
		parsed++
		if f.Needs() != nil {
			narrow++
		}
		for range 40 {
			x := flow.Flow{State: flow.StateEstablished, Tuple: flow.Tuple{Proto: []flow.Protocol{flow.ProtocolTCP, flow.ProtocolUDP}[random.IntN(2)]}}
			addr := func() netip.Addr { return netip.MustParseAddr(pick("10.0.0.1", "10.0.0.2", "10.1.0.1", "192.0.2.1")) }
			if random.IntN(4) == 0 {
				addr = func() netip.Addr { return netip.MustParseAddr(pick("2001:db8::1", "2001:db8::2")) }
			}
			port := func() uint16 { return []uint16{53, 80, 100, 101, 443, 50000}[random.IntN(6)] }
			x.Tuple.Src, x.Tuple.Dst = flow.EndFrom(addr(), port()), flow.EndFrom(addr(), port())
			if f.Match(&x) && !needed(f.Needs(), &x.Tuple) {
				t.Fatalf("%s matches %s, which does not fit %+v", text, x.Tuple, f.Needs())
			}
		}
	}
	if narrow < parsed/4 || parsed < len(filters)/2 {
		t.Errorf("of %d filters %d could be read, and %d need anything", len(filters), parsed, narrow)
	}
}

// The filters that people use need as much as they say.
func TestNeeds(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "[]",
		"tcp":                               "[{tcp true 0 [{invalid Prefix 0 0} {invalid Prefix 0 0}]}]",
		"port 443":                          "[{0 false 0 [{invalid Prefix 443 443} {invalid Prefix 0 0}]}]",
		"host 10.0.0.1 and host 10.0.0.2":   "[{0 false 0 [{10.0.0.1/32 0 0} {10.0.0.2/32 0 0}]}]",
		"established":                       "[]",
		"net 10/16":                         "[{0 false 0 [{10.0.0.0/16 0 0} {invalid Prefix 0 0}]}]",
		"tcp and not port 443":              "[{tcp true 0 [{invalid Prefix 0 0} {invalid Prefix 0 0}]}]",
		"tcp or established":                "[]",
		"tcp and ip6":                       "[{tcp true 6 [{invalid Prefix 0 0} {invalid Prefix 0 0}]}]",
		"ip6 and tcp":                       "[{tcp true 6 [{invalid Prefix 0 0} {invalid Prefix 0 0}]}]",
		"process:nginx and (port 80 or 81)": "",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := fmt.Sprint(f.Needs())
		if want != "" && got != want {
			t.Errorf("%q needs %s, not %s", text, got, want)
		}
	}
}

// With more than sixteen rules, a need becomes that of any flow, or of the first term.
func TestMostRules(t *testing.T) {
	ports := func(n int) string {
		text := "(port 1"
		for port := 2; port <= n; port++ {
			text += fmt.Sprintf(" or port %d", port)
		}
		return text + ")"
	}
	for text, want := range map[string]int{
		ports(16): 16, ports(17): 0,
		"(tcp or udp) and " + ports(8): 16, "(tcp or udp) and " + ports(9): 2,
		"(host 10.0.0.1 or host 10.0.0.2) and " + ports(4): 16, "(host 10.0.0.1 or host 10.0.0.2) and " + ports(5): 2, // at the same end, or at the other
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := len(f.Needs()); got != want {
			t.Errorf("%s has %d rules, want %d", text, got, want)
		}
	}
}

// A filter is fixed if nothing that it asks for changes while a flow lives.
func TestFixed(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "tcp port 443": true, "not port (22 or 443)": true, "vlan 7": true, "proto:tcp host:10.0.0.1": true, "src:10.0.0.1": true, "port:80": true, "vlan": true, "dir:in local:443": true, "10.0.0.1:443": true,
		"established": false, "state:syn": false, "rate>1M": false, "process:nginx": false, "~text": false, "tcp !answered": false, "age>1h or tcp": false,
		"name:lab": false, "country:DE": false, "as:64500": false, "sick": false, "first-seen": false,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if f.Fixed() != want {
			t.Errorf("%q is fixed: %t", text, !want)
		}
	}
}

// A need has as many rules as there may be, and is that of any flow beyond.
func TestMostEnds(t *testing.T) {
	ends := make([]flow.RuleEnd, mostRules+1)
	for i := range ends {
		ends[i].Low, ends[i].High = uint16(i+1), uint16(i+1)
	}
	if n := endsNeed(ends[1:]...); len(n) != mostRules {
		t.Errorf("%d rules", len(n))
	}
	if n := endsNeed(ends...); n != nil {
		t.Errorf("%d rules", len(n))
	}
}
