package filter

import (
	"net/netip"
	"testing"

	"ctop/tracker/flow"
)

// The text that is searched has what identifies a flow, in lower case.
func TestSearchedText(t *testing.T) {
	ping := &flow.Flow{State: flow.StateEstablished, Tuple: flow.Tuple{
		Proto: flow.ProtocolICMP, ICMPType: 8, ICMPID: 77,
		Src: flow.MustParseEnd("10.0.0.1:0"), Dst: flow.MustParseEnd("10.0.0.2:0"),
	}}
	web := &flow.Flow{State: flow.StateSynSent, Tuple: flow.Tuple{
		Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("[2001:db8::1]:40000"), Dst: flow.MustParseEnd("10.0.0.2:443"),
	}}
	names := map[netip.Addr]string{netip.MustParseAddr("10.0.0.2"): "Web-AZ[`{@"}
	for _, c := range []struct {
		s    subject
		want string
	}{
		{subject{flow: ping}, "icmp 10.0.0.1 echo #77 10.0.0.2 established"},
		{subject{flow: web}, "tcp [2001:db8::1]:40000 10.0.0.2:443 syn_sent"},
		{subject{flow: web, names: names}, "tcp [2001:db8::1]:40000 10.0.0.2:443 syn_sent web-az[`{@"},
	} {
		if got := string(appendText([]byte{}, c.s)); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
