package filter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func tcp(src, dst string) *flow.Flow {
	return &flow.Flow{State: flow.StateEstablished, Tuple: flow.Tuple{
		Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst),
	}}
}

var veths = flow.Snapshot{Interfaces: []flow.Interface{{Name: "veth1"}, {Name: "veth2"}}}

// TestTextOfFilter has the text without the blanks around it, and one more term.
func TestTextOfFilter(t *testing.T) {
	for text, want := range map[string]string{
		"": "udp", "  ": "udp", " tcp\t": "tcp udp", " tcp  port:443 ": "tcp  port:443 udp", "tcp or icmp ": "(tcp or icmp) udp",
	} {
		f, err := Parse(text)
		if err != nil || f.And("udp") != want {
			t.Errorf("%q: %q, error %v, want %q", text, f.And("udp"), err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	web := tcp("10.0.0.7:51514", "192.168.1.2:443")
	web.ID, web.Age, web.Idle, web.Timeout = 0xff, 2*time.Hour, 10*time.Second, time.Minute
	web.Tuple.VLAN = 10
	web.Origin = flow.Half{Packets: 5, Bytes: 1000, BPS: 5e5, PPS: 40, Retransmits: 3}
	web.Reply = flow.Half{Packets: 5, Bytes: 2000, BPS: 1e6, PPS: 60, RTT: 12 * time.Millisecond}
	session := tcp("10.0.0.8:51514", "192.168.1.2:443")
	session.Tuple.Session = 7
	six := tcp("[2001:db8::1]:1024", "[2001:db8::2]:53")
	ping := tcp("10.0.0.9:0", "10.0.0.2:0")
	ping.Tuple.Proto, ping.Tuple.ICMPType, ping.Tuple.ICMPID = flow.ProtocolICMP, 8, 4711
	for _, c := range []struct {
		text string
		flow *flow.Flow
		want bool
	}{
		{"", web, true},
		{"443", web, true},
		{"ESTABLISHED", web, true},
		{"tcp 10.0", web, true},
		{"udp", web, false},
		{"!udp", web, true},
		{"!443", web, false},
		{"10.0.0.7:51514", web, true},
		{"2001:db8::1", six, true},
		{"proto:tcp", web, true},
		{"proto:udp,TCP", web, true},
		{"proto:6", web, true},
		{"proto:udp", web, false},
		{"state:est", web, true},
		{"state:syn,est", web, true},
		{"state:syn_sent", web, false},
		{"port:443", web, true},
		{"port:51514", web, true},
		{"sport:443", web, false},
		{"dport:443", web, true},
		{"sport:1024-65535", web, true},
		{"dport:1-442", web, false},
		{"src:10.0.0.0/8", web, true},
		{"dst:10.0.0.0/8", web, false},
		{"host:192.168.1.2", web, true},
		{"!host:192.168.1.2", web, false},
		{"src:10.0.0.99/8", web, true},
		{"src:2001:db8::/32 dport:53", six, true},
		{"src:2001:db8::2", six, false},
		{"port:0", ping, false},
		{"tcp and (udp or 443)", web, true},
		{"udp or tcp 444", web, false},
		{"(udp or tcp) 443", web, true},
		{"not udp", web, true},
		{"!(udp or 443)", web, false},
		{"!!443", web, true},
		{"TCP OR udp", web, true},
		{"udp || 443", web, true},
		{"rate>1M", web, true},
		{"rate>2M", web, false},
		{"bps>=1.5m", web, true},
		{"pps<=100", web, true},
		{"bytes>1k packets<11", web, true},
		{"bytes:1000-2000", web, false},
		{"bytes=3000", web, true},
		{"age>1h", web, true},
		{"age>1d", web, false},
		{"idle<30s", web, true},
		{"ttl<1m", web, true},
		{"ttl>2h", web, false},
		{"ttl<1m", six, false},
		{"vlan:10", web, true},
		{"vlan:0", web, false},
		{"vlan:0", six, true},
		{"!vlan:10", web, false},
		{"id:00000000000000ff", web, true},
		{"id:0", web, true},
		{"id:1", web, false},
		{"in:veth1", web, true},
		{"in:veth2", web, false},
		{"in:veth2,veth1", web, true},
		{"in!=veth1", web, false},
		{"reply", web, true},
		{"!reply", six, true},
		{"pinned", web, false},
		{"icmp:echo", ping, true},
		{"icmp:8", ping, true},
		{"icmp:13,echo", ping, true},
		{"icmp:mask", ping, false},
		{"icmp:8", web, false},
		{"dport!=443", web, false},
		{"dport!=80", web, true},
		{"sport>1023", web, true},
		{"port>60000", web, false},
		{"dport:80,443", web, true},
		{"src:10.*", web, true},
		{"src:10.0.1.*", web, false},
		{"src:10.0.0.*", web, true},
		{"src:2001:db8:*", six, true},
		{"net:10.0.0.0/8,192.168.0.0/16", web, true},
		{"rtt>10ms", web, true},
		{"rtt>1s", web, false},
		{"rtt<1s", six, false},
		{"retrans>2", web, true},
		{"zerowin:0 invalid:0 related:0", web, true},
		{"state:ended", web, false},
		{"reason:rst", web, false},
		{"#4711", ping, true},
		{"echo", ping, true},
		{"proto:icmp !dst:10.0.0.2", ping, false},
		{"44", web, false},
		{"168", web, false},
		{"10.0.0.7", tcp("10.0.0.77:1", "10.0.0.70:2"), false},
		{"51514", web, true},
		{"4711", ping, true},
		{"#443", web, false},
		{"00000000000000ff", web, true},
		{"ff00000000000000", web, false},
		{"192.168.1.2:443", web, true},
		{"192.168.1.2:44", web, false},
		{"[2001:db8::2]:53", six, true},
		{"10.0.0.0/8", web, true},
		{"10.1", web, false},
		{"10.0.*", web, true},
		{"~44", web, true},
		{"~168.1", web, true},
		{"~ESTAB", web, true},
		{"!~443", web, false},
		{"not ~udp", web, true},
		{"established", web, true},
		{"echo", web, false},
		{"icmp", ping, true},
		{"icmp6", ping, false},
		{"port https", web, true},
		{"port:https,ssh", web, true},
		{"dport:http-alt", web, false},
		{"tcp and not port 443", web, false},
		{"tcp and not port 80", web, true},
		{"src 10.0.0.7", web, true},
		{"src host 192.168.1.2", web, false},
		{"dst port 443", web, true},
		{"src port 443", web, false},
		{"src or dst port 443", web, true},
		{"src and dst port 443", web, false},
		{"tcp port 80 or 443", web, true},
		{"udp port 80 or 443", web, false},
		{"port not 443", web, false},
		{"not port (80 or 443)", web, false},
		{"not port 80 and 51514", web, true},
		{"portrange 400-500", web, true},
		{"src portrange 400-500", web, false},
		{"net 192.168", web, true},
		{"dst net 192.168.0.0 mask 255.255.0.0", web, true},
		{"net 10/8", web, true},
		{"ip host 10.0.0.7", web, true},
		{"ip6 host 10.0.0.7", web, false},
		{"ip6", six, true},
		{"ip", six, false},
		{"proto \\tcp", web, true},
		{"ip proto 6", six, false},
		{"vlan", web, true},
		{"vlan", six, false},
		{"vlan 10 and port 443", web, true},
		{"vlan and tcp", web, true},
		{"pppoes", session, true},
		{"pppoes", web, false},
		{"not pppoes", web, true},
		{"pppoes 7", session, true},
		{"pppoes 8", session, false},
		{"pppoes and tcp port 443", session, true},
		{"PPPOES 7 && tcp", session, true},
		{"pppoes:7", session, true},
		{"pppoe:7", session, true},
		{"tcp&&!(udp||port 80)", web, true},
		{"rate > 1M", web, true},
		{"rate greater 1M", web, true},
		{"bytes less 3k", web, true},
		{"bytes less 2999", web, false},
		{"port != 443", web, false},
		{"port >= 443", web, true},
		{"state established", web, true},
		{"in veth1", web, true},
		{"sport 51514 dport 443", web, true},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := f.For(&veths).Match(c.flow); got != c.want {
			t.Errorf("%q matches %s: %v", c.text, c.flow.Tuple, got)
		}
	}
}

func TestEnded(t *testing.T) {
	one := tcp("10.0.0.7:51514", "192.168.1.2:443")
	for text, want := range map[string]bool{
		"state:ended": true, "state:end": true, "state:established": false, "reason:rst": true, "reason:closed,exp": false, "443": true,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.MatchEnded(one, flow.ReasonRST); got != want {
			t.Errorf("%q matches: %v", text, got)
		}
		if asks := text[:3] != "443" && text != "state:established"; f.WantsEnded() != asks {
			t.Errorf("%q asks for ended flows: %v", text, f.WantsEnded())
		}
	}
}

func TestErrorsSayWhereAndWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"nat:foo":                       "nat takes no value: write nat, or !nat (column 1)",
		"tcp Answered:yes":              "answered takes no value: write answered, or !answered (column 5)",
		"colour:red":                    "no term is called \"colour\"",
		"port:x":                        "is not a port: write it like 443, https or 1024-2047 (column 6)",
		"dport:80,443,x":                "(column 14)",
		"port:9-1":                      "swap the two",
		"dport:65536":                   "not a port",
		"port>1-9":                      "not a range",
		"state:":                        "state needs a value, as in state:syn (column 1)",
		"~ü state:x":                    "(column 10)",
		"proto:":                        "proto needs a value",
		"proto:foo":                     "no protocol is called \"foo\": name one, like tcp",
		"proto:300":                     "a number from 0 to 255 (column 7)",
		"proto foo":                     "no protocol is called \"foo\"",
		"port":                          "port needs a value, as in port 443 (column 1)",
		"tcp and not port":              "port needs a value, as in port 443 (column 13)",
		"src":                           "src needs a value, as in src 10.0.0.1",
		"tcp src port":                  "tcp src port needs a value",
		"host and tcp":                  "host needs a value",
		"age":                           "age needs a value, as in age>1h",
		"rate > and tcp":                "rate needs a value",
		"tcp foo":                       "\"foo\" is not a term: write ~foo to search for text (column 5)",
		"est":                           "write state:est",
		"https":                         "write port:https",
		"80,443":                        "not a term",
		"99999":                         "not a term",
		"10.0.0.1.5":                    "not a term",
		"src 80":                        "write port before a port, as in src port 80",
		"port 80 443":                   "443 stands beside another value of port",
		"port 80 or 10.0.0.1":           "is not a port",
		"vlan 7 or 8":                   "write vlan:8",
		"port 80 or vlan 7 or 8":        "write vlan:8",
		"dport:80 or 443":               "write dport:443",
		"src:10.0.0.1 or 10.0.0.2":      "write src:10.0.0.2",
		"not tcp 443":                   "write not (tcp and 443), or not tcp and 443 (column 5)",
		"icmp 8":                        "write icmp:8 for the type",
		"icmp port 80":                  "flows of icmp have no ports",
		"udp proto tcp":                 "udp is a protocol already",
		"vlan 4096":                     "a number from 0 to 4095",
		"tcp or udp and port 53":        "and after or can be read in two ways: write (a or b) and c, or a or (b and c) (column 12)",
		"greater 1000":                  "write bytes>=1000",
		"arp":                           "only IP is tracked",
		"ether host 1:2":                "addresses of Ethernet are not kept",
		"tcp [13]":                      "bytes of packets are not kept",
		"pppoes 5 or 7":                 "7 after pppoes and or: write pppoes:7",
		"pppoes 65536":                  "a number from 0 to 65535 (column 8)",
		"pppoe:1.5":                     "a number from 0 to 65535 (column 7)",
		"= 443":                         "= needs a field before it, as in port=443",
		"ipv6":                          "write ip6",
		"net 10.0.0.1/8":                "write net 10.0.0.0/8, or host 10.0.0.1",
		"net 10.0.0.0 mask 255.0.255.0": "not a mask of a prefix",
		"host web":                      "names work only in a console that shows them",
		"port = =":                      "port needs a value",
		"port (80 or":                   "port needs a value",
		"port (80":                      "there is no ) for this ( (column 6)",
		"~":                             "~ needs a text",
		"proto>tcp":                     "use : or !=",
		"src:10.0.0.":                   "10.0.0.0/8",
		"dst:fe80::%x":                  "not an address",
		"src:*":                         "not an address",
		"rate>1X":                       "10k",
		"age>soon":                      "30s",
		"id:xyz":                        "16 hexadecimal",
		"!":                             "a term is missing here: write one like proto:udp or port 53 (column 2)",
		"tcp or":                        "a term is missing here: write one like proto:udp or port 53 (column 7)",
		"or tcp":                        "a term is missing here: write one like proto:udp or port 53 (column 1)",
		"tcp and or udp":                "a term is missing here: write one like proto:udp or port 53 (column 9)",
		"(tcp":                          "there is no ) for this ( (column 1)",
		"tcp )":                         "there is no ( for this ) (column 5)",
		"()":                            "a term is missing here: write one like proto:udp or port 53 (column 2)",
		"reason:x":                      "use one of rst",
		"icmp:x":                        "use echo",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", text, err, want)
		}
	}
	if _, err := Parse(strings.Repeat("(", 10000)); err == nil {
		t.Error("endless parentheses are read")
	}
}

// TestEveryFormIsTrue reads every example that the description gives.
func TestEveryFormIsTrue(t *testing.T) {
	for _, row := range Terms() {
		if _, err := Parse(row.Form); err != nil {
			t.Errorf("%s: %v", row.Form, err)
		}
		if !strings.Contains(Syntax(), row.Form) {
			t.Errorf("the syntax does not name %s", row.Form)
		}
	}
}

func TestAnd(t *testing.T) {
	for text, want := range map[string]string{"": "dport:1", "1 2": "1 2 dport:1", "1 or 2": "(1 or 2) dport:1", "(1 or 2) 3": "(1 or 2) 3 dport:1", "port 80 or 443": "(port 80 or 443) dport:1", "port (80 or 443)": "port (80 or 443) dport:1"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.And("dport:1"); got != want {
			t.Errorf("%q and: %q", text, got)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	f, err := Parse("443 !udp proto:tcp (src:10.0.0.0/8 or rate>1M) state:est age<1h in:x or dport:1-9")
	if err != nil {
		t.Fatal(err)
	}
	one := tcp("10.0.0.7:51514", "192.168.1.2:443")
	if n := testing.AllocsPerRun(100, func() { f.Match(one) }); n > 0 {
		t.Fatalf("%v allocations for each flow", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("proto:tcp !state:syn port:1-2,3 src:::/0 10.0.0.1:443")
	f.Add("(rate>1M or !reply) and not in:veth1 id:ff age>1h2m src:10.* ttl<=1d")
	one := tcp("10.0.0.7:51514", "192.168.1.2:443")
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, err := Parse(text); err == nil {
			parsed.Match(one)
		}
		if _, err := Parse(Finished(text)); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 {
				t.Fatalf("%q: %v", text, err)
			}
		}
		completed, _ := Complete(text)
		_ = completed
	})
}
