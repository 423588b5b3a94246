package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// kindOfPacket is a capture of packets of one kind, and what is to be told of it.
type kindOfPacket struct {
	file, args string
	// flows are protocol, ports, state, packets of both directions.
	flows []string
	// counted are counters that are not zero, apart from packets and bytes.
	counted string
	// ended are the flows that ended, with their reasons.
	ended []string
}

var kindsOfPackets = []kindOfPacket{
	{
		file: "sctp-two-associations.pcap", counted: "new 2 established 1",
		flows: []string{"sctp 4000>5000 ESTABLISHED 1/1", "sctp 4001>5001 NEW 1/0"},
	},
	{
		file: "sctp-two-associations.pcap", args: "--filter dport:5001", counted: "new 2 established 1",
		flows: []string{"sctp 4001>5001 NEW 1/0"},
	},
	{
		file: "icmp-error-to-another.pcapng", counted: "new 1 established 1 related 2 invalid 2 (icmp 2)",
		flows: []string{"udp 40000>53 ESTABLISHED 1/1"},
	},
	{file: "tcp-segment-in-fragments.pcapng", counted: "new 1 established 10", ended: []string{"LAST_ACK closed"}},
	{file: "fin-in-fragments.pcapng", counted: "new 1 established 6", ended: []string{"LAST_ACK closed"}},
}

// TestReplayKinds shows captures of packets that are easily taken for something
// else.
func TestReplayKinds(t *testing.T) {
	lab.Require(t)
	for _, k := range kindsOfPackets {
		t.Run(k.file+" "+k.args, func(t *testing.T) { k.check(t) })
	}
}

func (k *kindOfPacket) check(t *testing.T) {
	t.Helper()
	path := filepath.Join("testdata", "captures", k.file)
	replay := func(args ...string) string {
		t.Helper()
		stdout, _, err := headless(t, slices.Concat([]string{"replay"}, args, strings.Fields(k.args), []string{path})...)
		if err != nil {
			t.Fatal(err)
		}
		return stdout
	}
	type half struct {
		Sport, Dport   uint16
		Packets, Bytes uint64
	}
	var told struct {
		Counters map[string]json.RawMessage
		Flows    []struct {
			Proto, State  string
			Origin, Reply half
		}
	}
	if err := json.Unmarshal([]byte(replay("--dump", "-o", "json")), &told); err != nil {
		t.Fatal(err)
	}
	var flows []string
	for _, f := range told.Flows {
		flows = append(flows, fmt.Sprintf("%s %d>%d %s %d/%d", f.Proto, f.Origin.Sport, f.Origin.Dport, f.State, f.Origin.Packets, f.Reply.Packets))
	}
	if !slices.Equal(flows, k.flows) {
		t.Errorf("the flows are %q, want %q", flows, k.flows)
	}
	if got := countedText(t, told.Counters); got != k.counted {
		t.Errorf("counted %q, want %q", got, k.counted)
	}
	var ended []string
	for line := range strings.Lines(replay("--events", "-o", "jsonl")) {
		var e struct{ Event, From, Reason string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event == "destroy" {
			ended = append(ended, e.From+" "+e.Reason)
		}
	}
	if !slices.Equal(ended, k.ended) {
		t.Errorf("ended %q, want %q", ended, k.ended)
	}
}

// countedText tells the verdicts, and why packets are invalid or untracked.
func countedText(t *testing.T, counters map[string]json.RawMessage) string {
	t.Helper()
	var words []string
	for _, name := range []string{"new", "established", "related", "invalid", "untracked"} {
		if n := string(counters[name]); n != "0" {
			words = append(words, name+" "+n)
		}
		var by map[string]uint64
		if reasons := counters[name+"_by"]; reasons == nil || json.Unmarshal(reasons, &by) != nil {
			continue
		}
		for reason, n := range by {
			if n != 0 {
				words = append(words, fmt.Sprintf("(%s %d)", reason, n))
			}
		}
	}
	return strings.Join(words, " ")
}
