package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"ctop/internal/lab"
)

// TestCapturedTCP replays connections that are easily misjudged, and says what is
// right for each.
func TestCapturedTCP(t *testing.T) {
	lab.Require(t)
	for _, tt := range []struct{ file, want string }{
		// RSTs below what is expected next: RFC 5961 3.2.
		{"rst-below-window.pcapng", "7 invalid, ESTABLISHED 7"},
		// 20 MB go another way. One segment is outside the window, then the answer
		// acknowledges it, and the connection is closed in order.
		{"gap-20M.pcap.gz", "1 invalid"},
		// The first segment that is seen was not sent before.
		{"midstream-retrans.pcap", "0 invalid, ESTABLISHED 0"},
		{"tfo-retrans.pcap", "0 invalid, ESTABLISHED 0"},
		// Three segments are overtaken, nothing is sent twice.
		{"reorder.pcap", "0 invalid, ESTABLISHED 0 {Retransmits:0 Reordered:3}"},
		// Two SYN+ACKs, of which the opener takes the first: RFC 9293 3.10.7.3.
		{"two-synacks-first-taken.pcapng", "0 invalid"},
		// Only what the opener sends passes.
		{"asym-client.pcap.gz", "0 invalid, NEW 0, one-sided"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			if got := capturedTCP(t, filepath.Join("testdata", "captures", tt.file)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// capturedTCP says how many packets of a capture are invalid, then of its only flow
// the state and the invalid packets, then what either direction sent again.
func capturedTCP(t *testing.T, path string) string {
	t.Helper()
	type half struct{ Retransmits, Reordered uint64 }
	var s struct {
		Counters struct{ Invalid uint64 }
		Flows    []struct {
			State         string
			Invalid       uint64
			OneSided      bool `json:"one_sided"`
			Origin, Reply half
		}
	}
	stdout, _, err := headless(t, "replay", "--dump", "-o", "json", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d invalid", s.Counters.Invalid)
	for _, f := range s.Flows {
		got += fmt.Sprintf(", %s %d", f.State, f.Invalid)
		if f.OneSided {
			got += ", one-sided"
		}
		for _, h := range [...]half{f.Origin, f.Reply} {
			if h != (half{}) {
				got += fmt.Sprintf(" %+v", h)
			}
		}
	}
	return got
}
