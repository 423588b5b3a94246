package field

import (
	"testing"
	"time"

	"ctop/tracker/flow"
)

// TestRoundTripsKnown has a round trip of TCP only, and only where one was measured.
func TestRoundTripsKnown(t *testing.T) {
	for _, c := range []struct {
		proto flow.Protocol
		rtt   time.Duration
		known bool
	}{{flow.ProtocolTCP, time.Second, true}, {flow.ProtocolTCP, 0, false}, {flow.ProtocolUDP, time.Second, false}} {
		f := &flow.Flow{Tuple: flow.Tuple{Proto: c.proto}, Origin: flow.Half{RTT: c.rtt}, Reply: flow.Half{RTT: c.rtt}}
		for _, read := range []func(*flow.Flow) (Number, bool){outRTT, inRTT} {
			if _, known := read(f); known != c.known {
				t.Errorf("%s after %s: known %t", c.proto, c.rtt, known)
			}
		}
	}
}

// TestExtras has the columns that the console shows only when asked for.
func TestExtras(t *testing.T) {
	extra := map[string]bool{
		"rate": true, "reordered": true, "if": true, "id": true,
		"dir": true, "local": true, "remote": true,
		"process": true, "pid": true, "on": true, "name": true, "country": true, "as": true, "server": true,
	}
	for i := range registry {
		if f := &registry[i]; f.Extra != extra[f.Name] {
			t.Errorf("%s is shown only when asked for: %t", f.Name, f.Extra)
		}
	}
}
