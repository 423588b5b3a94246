package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// connection is a row of Zeek's conn.log.
type connection struct {
	Orig  string `json:"id.orig_h"`
	Port  string `json:"id.orig_p"`
	State string `json:"conn_state"`
}

// fate is what became of a flow: how its last event left it.
type fate struct {
	Proto, Src, Event, Reason, Direction string
	Sport                                uint16
	From, To                             string
	Type                                 *uint8
	ClosedBy                             string `json:"closed_by"`
}

// state is the last that the flow was in.
func (f *fate) state() string {
	if f.Event == "destroy" {
		return f.From
	}
	return f.To
}

// lasted reports whether the flow is there at the end of the capture, or was
// silent for too long before.
func (f *fate) lasted() bool { return f.Event != "destroy" || f.Reason == "expired" }

// zeekStates says which fates each of Zeek's conn_states stands for
// (base/protocols/conn/main.zeek): a flow that the tracker saw so. Where Zeek
// tells apart what a tracker does not keep (a FIN before the handshake is done),
// the fate is that of the state.
var zeekStates = map[string]func(*fate) bool{
	// A first packet that nobody answered.
	"S0": func(f *fate) bool { return f.lasted() && f.in("SYN_SENT", "NEW") },
	// Established, not closed; also one that Zeek turned round (^ in its history).
	"S1": func(f *fate) bool { return f.lasted() && f.in("ESTABLISHED") },
	// Both sides closed; for UDP and ICMP: answered.
	"SF": func(f *fate) bool {
		if f.Proto != "tcp" {
			return f.in("ESTABLISHED")
		}
		return f.Reason == "closed" || f.in("LAST_ACK", "TIME_WAIT")
	},
	// One side closed, and the other did not answer that.
	"S2": func(f *fate) bool { return f.lasted() && f.in("FIN_WAIT_1", "FIN_WAIT_2") },
	"S3": func(f *fate) bool { return f.lasted() && f.in("FIN_WAIT_1", "FIN_WAIT_2") },
	// Refused.
	"REJ": func(f *fate) bool { return f.Reason == "rst" && f.in("SYN_SENT") && f.Direction == "reply" },
	// Reset, by one side or the other.
	"RSTO":   func(f *fate) bool { return f.Reason == "rst" && f.Direction == "origin" },
	"RSTR":   func(f *fate) bool { return f.Reason == "rst" && f.Direction == "reply" },
	"RSTOS0": func(f *fate) bool { return f.Reason == "rst" && f.in("SYN_SENT") && f.Direction == "origin" },
	// A FIN by who opened, and never an answer: a one-sided flow. Its end tells of the FIN.
	"SH": func(f *fate) bool {
		return f.lasted() && f.in("NEW") && (f.Event != "destroy" || f.ClosedBy == "origin")
	},
	// Midstream: whatever was said, it is not closed.
	"OTH": func(f *fate) bool { return f.lasted() && f.in("NEW", "ESTABLISHED") },
}

func (f *fate) in(states ...string) bool { return slices.Contains(states, f.state()) }

// zeekDifferences are the captures in which Zeek sees other flows, and why.
var zeekDifferences = map[string]string{
	"zeek/auth_change_session_keys.pcap": "Zeek ignores the answers, whose checksums were left to hardware",
	"zeek/tcp__syn-bad.pcap":             "Zeek ignores the SYN for its checksum (C in the history)",
	"zeek/globus-url-copy.pcap":          "Zeek stopped looking at what is a bulk transfer, which goes on and is closed",
	"zeek/ntp__misordered-ntp.pcap":      "the origin is who is heard first; Zeek turns it round by the port",
	"zeek/mpls-in-vlan.pcap":             "the origin is who is heard first; Zeek turns it round by the port",
	"zeek/tunnels__gre-aruba-amsdu.pcap": "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-pptp.pcap":        "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-sample.pcap":      "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-within-gre.pcap":  "the flow is the tunnel's, not what is in it",
}

// TestZeekStates compares how the flows of captures end with the conn_state that
// Zeek gave them: in the folder that CTOP_CAPTURES names, whose manifest.json
// lists rows of conn.log as expected. A difference is one of the listed ones.
func TestZeekStates(t *testing.T) {
	lab.Require(t)
	folder := os.Getenv("CTOP_CAPTURES")
	if folder == "" {
		t.Log("CTOP_CAPTURES names no folder of captures")
		return
	}
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var captures []struct {
		File     string
		Expected json.RawMessage
	}
	if err := json.Unmarshal(manifest, &captures); err != nil {
		t.Fatal(err)
	}
	agree, all, why := 0, 0, map[string]int{}
	for _, c := range captures {
		var rows []connection
		if json.Unmarshal(c.Expected, &rows) != nil {
			continue // words
		}
		rows = slices.DeleteFunc(rows, func(r connection) bool { return r.State == "" })
		if len(rows) == 0 {
			continue
		}
		fates := fatesOf(t, filepath.Join(folder, c.File))
		for _, r := range rows {
			if all++; r.agrees(t, fates, len(rows)) {
				agree++
			} else if reason, listed := zeekDifferences[c.File]; listed {
				why[reason]++
			} else {
				t.Errorf("%s: %s port %s is %s, and no flow from there ended so: %+v", c.File, r.Orig, r.Port, r.State, fates)
			}
		}
	}
	t.Logf("%d of %d connections end as Zeek says", agree, all)
	for reason, n := range why {
		t.Logf("%4d differ: %s", n, reason)
	}
}

// agrees reports whether a flow of the connection's first end ended as Zeek says. A
// row without ends is the only one of its capture.
func (r *connection) agrees(t *testing.T, fates []fate, rows int) bool {
	t.Helper()
	means, ok := zeekStates[r.State]
	if !ok {
		t.Errorf("conn_state %s has no meaning here", r.State)
		return false
	}
	return slices.ContainsFunc(fates, func(f fate) bool {
		from := f.Src == r.Orig && (f.Type != nil || strconv.Itoa(int(f.Sport)) == r.Port)
		return means(&f) && (from || r.Orig == "" && rows == 1)
	})
}

// fatesOf replays a capture and returns the last event of each of its flows.
func fatesOf(t *testing.T, path string) []fate {
	t.Helper()
	stdout, _, err := headless(t, "replay", "--events", "-o", "jsonl", path)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]fate{}
	for line := range strings.Lines(stdout) {
		var e struct {
			fate
			ID string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		last[e.ID] = e.fate
	}
	return slices.Collect(maps.Values(last))
}
