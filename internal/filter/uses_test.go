package filter

import (
	"strings"
	"testing"
)

// Each stream knows some fields only: others are an error with their column.
func TestFieldsOfStreams(t *testing.T) {
	for _, c := range []struct {
		text           string
		rates          bool
		events, traces string
	}{
		{"", false, "", ""},
		{"tcp port 443 src host 10.0.0.1", false, "", ""},
		{"state:syn vlan:7 id:9f3c icmp:echo", false, "", ""},
		{"reason:rst", false, "", "no reason"},
		{"bytes>1G or age>1h", false, "", "no bytes"},
		{"if:veth1", false, "", ""},
		{"in:veth1", false, "", ""},
		{"local:443", false, "", "no local"},
		{"dir:in", false, "", ""},
		{"tcp rate>1M", true, "no rate", "no rate"},
		{"bps>1M", true, "no bps", "no bps"},
		{"pps > 1", true, "no pps", "no pps"},
		{"!(origin.bps<1)", true, "no out_rate", "no out_rate"},
		{"ttl<1m", false, "no ttl", "no ttl"},
		{"idle>1m", false, "no idle", "no idle"},
		{"timeout<1m", false, "no timeout", "no timeout"},
		{"!pinned", false, "no pinned", "no pinned"},
		{"one_sided", false, "no one_sided", "no one_sided"},
		{"nat", false, "no nat", "no nat"},
		{"answered", false, "", "no answered"},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if f.WantsRates() != c.rates {
			t.Errorf("%s: rates %v", c.text, f.WantsRates())
		}
		if got := message(f.CheckEvents()); !strings.Contains(got, c.events) || c.events == "" && got != "" {
			t.Errorf("%s among events: %q, want %q", c.text, got, c.events)
		}
		if got := message(f.CheckTraces()); !strings.Contains(got, c.traces) || c.traces == "" && got != "" {
			t.Errorf("%s among packets: %q, want %q", c.text, got, c.traces)
		}
	}
	f, _ := Parse("tcp rate>1M")
	if got := message(f.CheckEvents()); !strings.HasSuffix(got, "(column 5)") {
		t.Errorf("%q", got)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
