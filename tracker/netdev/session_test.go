package netdev

import (
	"net/netip"
	"testing"
)

func TestParseConnection(t *testing.T) {
	got := parseConnection("::ffff:192.0.2.9 50000 fe80::1%eth0 22")
	if got == nil || got.remote != netip.MustParseAddr("192.0.2.9") || got.local != netip.MustParseAddr("fe80::1%eth0") {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{"", "192.0.2.9", "192.0.2.9 50000 192.0.2.1", "192.0.2.9 50000 192.0.2.1 22 x", "x 50000 192.0.2.1 22", "192.0.2.9 50000 x 22"} {
		if got := parseConnection(text); got != nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
