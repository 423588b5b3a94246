package acting

import (
	"strings"
	"testing"

	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// The command that is copied is for the flow and for no other.
func TestCopiedDeleteIsExact(t *testing.T) {
	flows := append(fake.Flows(10), fake.IPv6Flows()...)
	tagged := fake.Flow(11)
	tagged.Tuple.VLAN, tagged.Tuple.VLANInner, tagged.Tuple.Session = 7, 9, 300
	other := tagged
	other.Tuple.Session = 301
	ping := fake.Flow(4)
	ping.Tuple.Proto, ping.Tuple.ICMPType = flow.ProtocolICMPv6, 128
	ping.Tuple.Src, ping.Tuple.Dst = flow.MustParseEnd("[fd00::1]:0"), flow.MustParseEnd("[fd00::2]:0")
	again := ping
	again.Tuple.ICMPID++
	flows = append(flows, tagged, other, ping, again)
	for i := range flows {
		text := strings.Join(filterWords(flows[i].Tuple), " ")
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for j := range flows {
			if same := flows[j].Tuple == flows[i].Tuple; f.Match(&flows[j]) != same {
				t.Errorf("%s: %t for %s", text, !same, flows[j].Tuple)
			}
		}
	}
}

func TestTcpdumpFilter(t *testing.T) {
	f := fake.Flow(0).Tuple
	f.VLAN = 10
	if got := tcpdumpFilter(f); got != "vlan 10 and tcp and host 10.0.0.0 and host 192.168.1.10 and port 40000 and port 443" {
		t.Error(got)
	}
	f.Proto, f.VLAN = 47, 0
	if got := tcpdumpFilter(f); got != "ip proto 47 and host 10.0.0.0 and host 192.168.1.10" {
		t.Error(got)
	}
}
