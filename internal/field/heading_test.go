package field

import (
	"testing"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// TestHeadings has the unit of every column whose cells do not say theirs.
func TestHeadings(t *testing.T) {
	for name, want := range map[string]string{
		"out_rate": "→ pps", "in_rate": "← pps", "rate": "⇄ pps", "bytes": "TOTAL B",
		"out_packets": "→ PKTS", "in_packets": "← PKTS", "out_bytes": "→ BYTES", "in_bytes": "← BYTES", "age": "AGE",
	} {
		f, _ := Named(name)
		if got := f.Heading(format.Packets); got != want {
			t.Errorf("%s is headed %q, not %q", name, got, want)
		}
	}
	f, _ := Named("out_rate")
	if bits, bytes := f.Heading(format.Bits), f.Heading(format.Bytes); bits != "→ b/s" || bytes != "→ B/s" {
		t.Errorf("%q and %q", bits, bytes)
	}
}

// TestInapplicable tells a value that a flow cannot have from one that was not seen.
func TestInapplicable(t *testing.T) {
	tcp, udp := flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolTCP}}, flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolUDP}}
	for _, c := range []struct {
		name string
		of   *flow.Flow
		want string
	}{
		{"rtt", &tcp, "·"},
		{"rtt", &udp, "–"},
		{"retransmits", &tcp, "0"},
		{"retransmits", &udp, "–"},
		{"reordered", &udp, "–"},
		{"in_rate", &udp, "·"},
		{"local", &udp, "–"},
		{"dir", &udp, "–"},
	} {
		f, _ := Named(c.name)
		if got := f.Display(c.of, View{}); got != c.want {
			t.Errorf("%s of %s is %q, not %q", c.name, c.of.Tuple.Proto, got, c.want)
		}
	}
}
