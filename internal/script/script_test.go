package script_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// parse reads one sequence of lines and returns its steps.
func parse(t *testing.T, lines ...string) []script.Step {
	t.Helper()
	all, err := script.Parse("x.seq", "= x\n"+strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return all[0].Steps
}

func TestHonestNumbers(t *testing.T) {
	for i, s := range parse(t, "> S", "< SA len=5", "> A len=100", "> PA len=10", "< A", "> FA", "< FA len=1", "> A") {
		want := [][2]uint32{
			{1000000, 0},
			{5000000, 1000001},
			{1000001, 5000006},
			{1000101, 5000006},
			{5000006, 1000111},
			{1000111, 5000006},
			{5000006, 1000112},
			{1000112, 5000008},
		}[i]
		if got := [2]uint32{s.Seq, s.Ack}; got != want {
			t.Errorf("%s: numbers %d, want %d", s.Where, got, want)
		}
	}
}

// TestNumbersThatMoveNothing has segments that leave what an honest end sends next.
func TestNumbersThatMoveNothing(t *testing.T) {
	for _, line := range []string{"> PA seq=7 len=10", "> PA seq-1 len=1", "> RA len=10", "> udp len=10", "< A ack-5", ">x S"} {
		steps := parse(t, "> S", "< SA", "> A", line, "> A")
		if last := steps[4]; last.Seq != 1000001 || last.Ack != 5000001 {
			t.Errorf("after %q: seq=%d ack=%d", line, last.Seq, last.Ack)
		}
	}
}

func TestNumbersThatMove(t *testing.T) {
	for _, c := range []struct {
		lines    []string
		seq, ack uint32
	}{
		{[]string{"> S seq+100", "> A"}, 1000101, 5000000},             // a SYN starts again
		{[]string{"> S", "> S seq=70", "> A"}, 71, 5000000},            // and again
		{[]string{"> A seq=7 ack=9 len=2", "> A"}, 9, 9},               // a flow picked up midstream
		{[]string{"> A seq=7 ack=9", "< A len=5", "> A"}, 7, 14},       // whose other end is known by that
		{[]string{"< A seq=7 ack=9", "< A ack=99", "> A"}, 99, 7},      // until it says something itself
		{[]string{"> A seq=7 ack=9", "< A seq=20", "> A"}, 7, 20},      // which is what counts
		{[]string{">x S seq=7", "> S", ">x A"}, 8, 5000000},            // crossed tuples count apart
		{[]string{"> R seq=7", "> A"}, 7, 5000000},                     // a RST, too, is where its end stands
		{[]string{"> S rawseq=0", "< SA rawack=1", "> A"}, 1, 5000001}, // raw numbers are numbers
	} {
		steps := parse(t, c.lines...)
		if last := steps[len(steps)-1]; last.Seq != c.seq || last.Ack != c.ack {
			t.Errorf("%q: seq=%d ack=%d, want %d and %d", c.lines, last.Seq, last.Ack, c.seq, c.ack)
		}
	}
}

func TestWords(t *testing.T) {
	plain := script.Step{Where: "x.seq:2", Scale: script.NoScale, Window: 64240}
	for _, c := range []struct {
		line   string
		change func(*script.Step)
	}{
		{"> .", func(s *script.Step) { s.Seq = 1000000 }},
		{"<! FSRPAUEC seq=1 ack+2", func(s *script.Step) { s.Reply, s.Stray, s.Flags, s.Seq, s.Ack = true, true, 0xff, 1, 1000002 }},
		{">x R seq-1", func(s *script.Step) { s.Crossed, s.Flags, s.Seq = true, frame.RST, 999999 }},
		{"<!x A rawseq=1 rawack=2", func(s *script.Step) {
			s.Reply, s.Stray, s.Crossed, s.Flags, s.Seq, s.Ack, s.RawSeq, s.RawAck = true, true, true, frame.ACK, 1, 2, true, true
		}},
		{"> S win=9 ws=255 sackok sack=5-9", func(s *script.Step) {
			s.Flags, s.Seq, s.Window, s.Scale, s.SackOK, s.Sack = frame.SYN, 1000000, 9, 255, true, [2]uint32{5, 9}
		}},
		{"> udp len=65535 mtu=68 badsum", func(s *script.Step) {
			s.Seq, s.Kind, s.Len, s.MTU, s.Spoiled = 1000000, script.UDP, 65535, 68, true
		}},
		{"wait 1 s # not the comment", func(s *script.Step) { s.Command, s.Args = "wait", []string{"1", "s"} }},
		{"sweep => -expired", func(s *script.Step) {
			s.Command, s.Args, s.Want = "sweep", []string{}, &script.Want{State: "-", Ended: "expired", Fields: map[string]string{}}
		}},
		{"> echo => invalid/window ESTABLISHED o.rtt=5 r.zero=0 ~ a difference", func(s *script.Step) {
			s.Seq, s.Kind, s.Differs = 1000000, script.Echo, "a difference"
			s.Want = &script.Want{Verdict: "invalid", Reason: "window", State: "ESTABLISHED", Fields: map[string]string{"o.rtt": "5", "r.zero": "0"}}
		}},
		{"< quote=> new reused>SYN_SENT", func(s *script.Step) {
			s.Seq, s.Kind, s.Reply = 5000000, script.Quote, true
			s.Want = &script.Want{Verdict: "new", Ended: "reused", State: "SYN_SENT", Fields: map[string]string{}}
		}},
		{"> esp => new -", func(s *script.Step) {
			s.Seq, s.Kind, s.Want = 1000000, script.ESP, &script.Want{Verdict: "new", State: "-", Fields: map[string]string{}}
		}},
	} {
		want := plain
		c.change(&want)
		if got := parse(t, c.line)[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%+v, want\n%+v", c.line, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	all, err := script.Parse("x.seq", "defaults isn=10,20 win=30\n= a\n> S\n< SA")
	if err != nil {
		t.Fatal(err)
	}
	steps := all[0].Steps
	if steps[0].Seq != 10 || steps[0].Window != 30 || steps[1].Seq != 20 || steps[1].Ack != 11 || steps[1].Window != 30 {
		t.Errorf("%+v", steps)
	}
}

func TestIncluded(t *testing.T) {
	all, err := script.Parse("x.seq", `
= a
family ipv6
> S
< SA
= b
policy enforce
@ a
> A len=5
= c
@ a
policy enforce
= d
@ b
> A
`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		v6, enforce bool
		steps       string
		seq         uint32
	}{
		{true, false, "> S,< SA", 5000000},
		{true, true, "> S,< SA,> A", 1000001},
		{true, false, "> S,< SA,policy enforce", 0},
		{true, true, "> S,< SA,> A,> A", 1000006},
	} {
		s := all[i]
		var steps []string
		for j := range s.Steps {
			words := strings.Fields(s.Steps[j].String())
			steps = append(steps, strings.Join(words[:2], " "))
		}
		last := s.Steps[len(s.Steps)-1]
		if got := strings.Join(steps, ","); s.V6 != want.v6 || s.Enforce != want.enforce || got != want.steps || last.Seq != want.seq {
			t.Errorf("%s: IPv6 %t, enforce %t, %s, last number %d", s.Name, s.V6, s.Enforce, got, last.Seq)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"> S":                       "x.seq:1: a line before the first sequence",
		"= a\n\n> S foo":            `x.seq:3: "foo": want NAME=NUMBER`,
		"= a\n> S foo=1":            `"foo" is none of ack, len, mtu, rawack, rawseq, seq, win, ws, sack`,
		"= a\n> S len+1":            `"len+1": only seq and ack are relative`,
		"= a\n> S win=65536":        "win: strconv.ParseUint",
		"= a\n> S ws=256":           "ws: strconv.ParseUint",
		"= a\n> S len=x":            "len: strconv.ParseUint",
		"= a\n> S sack=x":           "expected integer",
		"= a\n>":                    "a packet needs a direction, and flags or a kind",
		"= a\n>> S":                 `">>" is no direction: use > or <, with ! or x`,
		"= a\n> SYN":                `"SYN" is no packet: use TCP flags out of FSRPAUEC, or one of udp, echo,`,
		"= a\n> S =>":               "a packet wants a verdict and a state, a command a state",
		"= a\n> S => new":           "a packet wants a verdict and a state, a command a state",
		"= a\nsweep =>":             "a packet wants a verdict and a state, a command a state",
		"= a\n> S => new NEW field": `"field": want FIELD=VALUE`,
		"= a\n=> NEW":               "a line needs a packet or a command",
		"= a\n@ b":                  `"b" is not known yet`,
		"= a\n> S\n= b\n> S\n@ a":   `x.seq:5: "a" cannot be played after other steps`,
		"defaults win=x\n= a":       `x.seq:1: "win=x": `,
		"defaults mss=1\n= a":       `"mss=1": want isn=NUMBER,NUMBER or win=NUMBER`,
	} {
		_, err := script.Parse("x.seq", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

// TestWritten reads what String writes.
func TestWritten(t *testing.T) {
	text := "= a\nfamily ipv6\npolicy enforce\n" +
		"> S ws=7 sackok\n<! SA rawseq=7 rawack=9\n>x . len=5 mtu=68\n< A sack=5-9 badsum\n> udp len=3\n< echo-reply\nwait 5\n"
	first, err := script.Parse("x.seq", text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := script.Parse("x.seq", first[0].String())
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("error %v: %s", err, again[0])
	}
	if want := "<! SA rawseq=7 rawack=9 win=64240"; !strings.Contains(first[0].String(), want) {
		t.Errorf("no %q in %s", want, first[0])
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.seq": "= a\n> S", "b.seq": "= b\n= c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := script.Read(filepath.Join(dir, "*.seq"))
	if err != nil || len(files) != 2 || files[0].Name != "a.seq" || len(files[1].Sequences) != 2 || files[0].Sequences[0].Steps[0].Where != "a.seq:2" {
		t.Errorf("%+v, error %v", files, err)
	}
	if _, err := script.Read(filepath.Join(dir, "*.txt")); err == nil {
		t.Error("no file is no error")
	}
	if err := os.WriteFile(filepath.Join(dir, "c.seq"), []byte("> S"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := script.Read(filepath.Join(dir, "*.seq")); err == nil {
		t.Error("a bad file is no error")
	}
}

func TestOnlyIPv4(t *testing.T) {
	for line, want := range map[string]bool{"> timestamp": true, "> info-reply": true, "> echo": false, "> S": false} {
		s := script.Sequence{Steps: parse(t, "> udp", line)}
		if s.OnlyIPv4() != want {
			t.Errorf("%s: only IPv4 is %t", line, !want)
		}
	}
}

func TestEnd(t *testing.T) {
	for line, want := range map[string]uint32{"> S seq=4294967295": 0, "> FA seq=7 len=2": 10, "> SF seq=7": 9, "> A seq=7": 7} {
		if got := parse(t, line)[0].End(); got != want {
			t.Errorf("%s ends at %d, want %d", line, got, want)
		}
	}
	if s := parse(t, "> SA")[0]; s.Has(frame.SYN|frame.FIN) || !s.Has(frame.SYN|frame.ACK) {
		t.Error("Has does not ask for all flags")
	}
	if got := []int{parse(t, "> S")[0].Dir(), parse(t, "< S")[0].Dir()}; !slices.Equal(got, []int{0, 1}) {
		t.Errorf("directions %d", got)
	}
}
