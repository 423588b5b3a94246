package output_test

import (
	"strings"
	"testing"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// TestTraceReasons tells why a packet is invalid or untracked, in both forms.
func TestTraceReasons(t *testing.T) {
	in := []string{"veth1", "veth2"}
	tuple := flow.Tuple{
		Proto: flow.ProtocolSCTP,
		Src:   flow.MustParseEnd("10.0.0.1:4000"), Dst: flow.MustParseEnd("10.0.0.2:5000"),
		VLAN: 5, VLANInner: 6, VLANThird: 7, Session: 9,
	}
	for _, c := range []struct {
		trace      flow.Trace
		text, json string
	}{
		{
			flow.Trace{Kind: flow.PacketUntracked, Verdict: flow.VerdictUntracked, Untracked: flow.UntrackedEncapsulation, Bytes: 64},
			"untracked 64 bytes  untracked (encapsulation)", `"verdict":"untracked","reason":"encapsulation"`,
		},
		{
			flow.Trace{Kind: flow.PacketFragment, Verdict: flow.VerdictInvalid, Invalid: flow.InvalidMalformed, Dropped: true},
			"invalid (malformed), dropped", `"verdict":"invalid","reason":"malformed","dropped":true`,
		},
		{
			flow.Trace{Tuple: tuple, Verdict: flow.VerdictNew},
			"sctp 10.0.0.1:4000 → 10.0.0.2:5000", `"sport":4000,"dst":"10.0.0.2","dport":5000,"vlan":5,"vlan_inner":6,"vlan_third":7,"pppoe_session":9`,
		},
	} {
		if got := string(output.AppendTrace(nil, output.Table, &c.trace, in)); !strings.Contains(got, c.text) {
			t.Errorf("%q, want %q in it", got, c.text)
		}
		if got := string(output.AppendTrace(nil, output.JSONL, &c.trace, in)); !strings.Contains(got, c.json) {
			t.Errorf("%s, want %s in it", got, c.json)
		}
	}
}
