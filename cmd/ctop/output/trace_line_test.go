package output_test

import (
	"strings"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// TestTraceLines compares whole lines, in every form.
func TestTraceLines(t *testing.T) {
	in := []string{"veth1", "v\x1b2"}
	at := time.Date(2026, 11, 22, 21, 4, 5, 6000, time.Local)
	segment := flow.Trace{
		Time: at, In: 1, Flow: 0xab, Kind: flow.PacketFlow, Verdict: flow.VerdictEstablished, Direction: flow.Reply,
		Flags: 0x12, Seq: 1, Ack: 2, Window: 3, Payload: 4, Bytes: 58, Segments: 2, From: flow.StateSynSent, To: flow.StateSynRecv,
		Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443")},
	}
	steady := segment
	steady.From, steady.Flags, steady.In = flow.StateSynRecv, 0, 2
	ended := segment
	ended.To = flow.StateNone
	part := segment
	part.Kind, part.From, part.To = flow.PacketFragment, flow.StateNone, flow.StateNone
	nothing := flow.Trace{Time: at, Kind: flow.PacketUntracked, Verdict: flow.VerdictUntracked, Untracked: flow.UntrackedNotIP, Bytes: 60, Dropped: true}
	left := segment
	left.Watched, left.Outgoing = true, true
	came := segment
	came.Watched = true
	const ends = "tcp 10.0.0.1:40000 → 10.0.0.2:443"
	for _, c := range []struct {
		trace flow.Trace
		form  output.Format
		want  string
	}{
		{segment, output.Table, "21:04:05.000006  v·2  " + pad(ends) + "  SA seq=1 ack=2 win=3 len=4  established  SYN_SENT → SYN_RECV\n"},
		{segment, output.Wide, "21:04:05.000006  v·2  00000000000000ab  " + pad(ends) + "  SA seq=1 ack=2 win=3 len=4  established  SYN_SENT → SYN_RECV\n"},
		{steady, output.Table, "21:04:05.000006    " + pad(ends) + "  . seq=1 ack=2 win=3 len=4  established  SYN_RECV\n"},
		{ended, output.Table, "21:04:05.000006  v·2  " + pad(ends) + "  SA seq=1 ack=2 win=3 len=4  established  SYN_SENT → none\n"},
		{part, output.Table, "21:04:05.000006  v·2  " + pad(ends) + "  fragment 58 bytes  established\n"},
		{nothing, output.Table, "21:04:05.000006  veth1  untracked 60 bytes  untracked (not_ip), dropped\n"},
		{left, output.Table, "21:04:05.000006  v·2  out  " + pad(ends) + "  SA seq=1 ack=2 win=3 len=4  established  SYN_SENT → SYN_RECV\n"},
		{came, output.Table, "21:04:05.000006  v·2  in   " + pad(ends) + "  SA seq=1 ack=2 win=3 len=4  established  SYN_SENT → SYN_RECV\n"},
		{flow.Trace{Lost: 3}, output.Table, "                 lost 3 packets\n"},
		{flow.Trace{Lost: 3}, output.JSONL, `{"trace":"lost","count":3}` + "\n"},
	} {
		if got := string(output.AppendTrace(nil, c.form, &c.trace, in)); got != c.want {
			t.Errorf("%q, want\n%q", got, c.want)
		}
	}
	got := string(output.AppendTrace(nil, output.JSON, &segment, in))
	stamp := at.UTC().Format("2006-01-02T15:04:05.000000000Z")
	want := `{"time":"` + stamp + `","trace":"flow","in":"v\u001b2","id":"00000000000000ab","direction":"reply",` +
		`"proto":"tcp","src":"10.0.0.1","sport":40000,"dst":"10.0.0.2","dport":443,` +
		`"flags":"SA","seq":1,"ack":2,"window":3,"payload":4,"bytes":58,"segments":2,"verdict":"established","dropped":false,"from":"SYN_SENT","to":"SYN_RECV"}` + "\n"
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	left.Flow, left.Segments, left.Seq = 1, 1, 0
	got = string(output.AppendTrace(nil, output.JSON, &left, in))
	want = strings.Replace(want, `"in":"v\u001b2","id":"00000000000000ab"`, `"in":"v\u001b2","dir":"out","id":"0000000000000001"`, 1)
	want = strings.Replace(strings.Replace(want, `"segments":2`, `"segments":1`, 1), `"seq":1`, `"seq":0`, 1)
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// pad fills the column of tuples.
func pad(s string) string {
	const width = 42
	for n := len([]rune(s)); n < width; n++ {
		s += " "
	}
	return s
}
