package filter

import (
	"net/netip"
	"strings"
	"testing"

	"ctop/tracker"
)

func tcp(src, dst string) *tracker.Flow {
	return &tracker.Flow{State: tracker.StateEstablished, Tuple: tracker.Tuple{
		Proto: tracker.ProtocolTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst),
	}}
}

func TestMatch(t *testing.T) {
	web := tcp("10.0.0.7:51514", "192.168.1.2:443")
	six := tcp("[2001:db8::1]:1024", "[2001:db8::2]:53")
	ping := tcp("10.0.0.9:0", "10.0.0.2:0")
	ping.Tuple.Proto, ping.Tuple.ICMPType, ping.Tuple.ICMPID = tracker.ProtocolICMP, 8, 4711
	for _, c := range []struct {
		text string
		flow *tracker.Flow
		want bool
	}{
		{"", web, true},
		{"443", web, true}, {"ESTABLISHED", web, true}, {"tcp 10.0", web, true}, {"udp", web, false},
		{"!udp", web, true}, {"!443", web, false}, {"10.0.0.7:51514", web, true}, {"2001:db8::1", six, true},
		{"proto:tcp", web, true}, {"proto:udp,TCP", web, true}, {"proto:6", web, true}, {"proto:udp", web, false},
		{"state:est", web, true}, {"state:syn,est", web, true}, {"state:syn_sent", web, false},
		{"port:443", web, true}, {"port:51514", web, true}, {"sport:443", web, false}, {"dport:443", web, true},
		{"sport:1024-65535", web, true}, {"dport:1-442", web, false},
		{"src:10.0.0.0/8", web, true}, {"dst:10.0.0.0/8", web, false}, {"host:192.168.1.2", web, true},
		{"!host:192.168.1.2", web, false}, {"src:10.0.0.99/8", web, true},
		{"src:2001:db8::/32 dport:53", six, true}, {"src:2001:db8::2", six, false},
		{"port:0", ping, false}, {"#4711", ping, true}, {"echo", ping, true}, {"proto:icmp !dst:10.0.0.2", ping, false},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := f.Match(c.flow); got != c.want {
			t.Errorf("%q matches %s: %v", c.text, c.flow.Tuple, got)
		}
	}
}

func TestErrorsSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"colour:red":   "no term is called",
		"port:x":       "443 or 1024-2047",
		"port:9-1":     "not a port",
		"dport:65536":  "not a port",
		"state:":       "use one of new",
		"proto:":       "name a protocol",
		"src:10.0.0":   "10.0.0.0/8",
		"dst:fe80::%x": "not an address",
		"!":            "!proto:udp",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", text, err, want)
		}
	}
}

func TestFinished(t *testing.T) {
	for text, want := range map[string]string{
		"tcp": "tcp", "tcp sta": "tcp ", "tcp state": "tcp ", "state:": "state:", "!po": "", "tcp !": "tcp ", "s": "s",
	} {
		if got := Finished(text); got != want {
			t.Errorf("Finished(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	f, err := Parse("443 !udp proto:tcp src:10.0.0.0/8 state:est")
	if err != nil {
		t.Fatal(err)
	}
	flow := tcp("10.0.0.7:51514", "192.168.1.2:443")
	if n := testing.AllocsPerRun(100, func() { f.Match(flow) }); n > 0 {
		t.Fatalf("%v allocations for each flow", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("proto:tcp !state:syn port:1-2,3 src:::/0 10.0.0.1:443")
	flow := tcp("10.0.0.7:51514", "192.168.1.2:443")
	f.Fuzz(func(_ *testing.T, text string) {
		if parsed, err := Parse(text); err == nil {
			parsed.Match(flow)
		}
	})
}
