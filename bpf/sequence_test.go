package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ctop/internal/frame"
)

// A sequence is a conversation between a client and a server, and what the
// tracker is to make of each packet. Files of them lie in testdata:
//
//	# a comment
//	= the rule that the sequence shows
//	@ name                              play another sequence of the file first
//	> SA 100:20 1 win=9 ws=7 | new SYN_SENT o.zero=1
//
// A packet begins with > from the client or < from the server, or with >! or <! where
// it comes in by the other one's side, then TCP flags,
// sequence number, payload after a colon, acknowledgement, window (10000 unless
// given), window scale; or the name of another kind of packet (kinds) and its
// payload. After the bar stand the verdict, with its reason where that is
// invalid and with "old" where the flow does not count the packet, and the state
// that the flow is in then:
//
//   - or -closed         no flow; it ended, and for that reason
//     reused>SYN_SENT      it ended for that reason, and a new one began
//
// then fields of the flow that are checked (fieldOf), o. for the origin's and r.
// for the reply's. Other lines are commands:
//
//	wait 10              let time pass, in seconds
//	policy enforce
//	timeout 5 | STATE    give the flow a timeout of its own
//	sweep | STATE        sweep the table
//	delete | -deleted    delete the flow, as an operator does
//	stale | STATE        delete a flow of the same key and another id
type sequence struct {
	name  string
	steps []step
}

// step is one line.
type step struct {
	where string
	// command is ">" or "<" for a packet, with "!" after it for the wrong side.
	command string
	words   []string
	// want is empty where nothing is expected.
	want want
}

// want is what a line expects.
type want struct {
	verdict string
	// ended is the reason for which a flow ended.
	ended string
	state string
	// fields are checked against the flow, by name.
	fields map[string]string
}

// readSequences reads all sequences of testdata.
func readSequences(t *testing.T) (all []sequence) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.seq")
	ok(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		ok(t, err)
		sequences, err := parseSequences(filepath.Base(file), string(text))
		ok(t, err)
		all = append(all, sequences...)
	}
	if len(all) == 0 {
		t.Fatal("testdata has no sequences")
	}
	return all
}

func parseSequences(file, text string) (all []sequence, err error) {
	known := map[string][]step{}
	var current *sequence
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", file, i+1)
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line[0] == '=':
			all = append(all, sequence{name: strings.TrimSpace(line[1:])})
			current = &all[len(all)-1]
		case current == nil:
			return nil, fmt.Errorf("%s: a line before the first name", where)
		case line[0] == '@':
			included, found := known[strings.TrimSpace(line[1:])]
			if !found {
				return nil, fmt.Errorf("%s: %q is not known yet", where, line)
			}
			current.steps = append(current.steps, included...)
		default:
			s, err := parseStep(where, line)
			if err != nil {
				return nil, err
			}
			current.steps = append(current.steps, s)
		}
		if current != nil {
			known[current.name] = current.steps[:len(current.steps):len(current.steps)]
		}
	}
	return all, nil
}

func parseStep(where, line string) (step, error) {
	left, right, expects := strings.Cut(line, "|")
	words := strings.Fields(left)
	s := step{where: where, command: words[0], words: words[1:]}
	if !expects {
		return s, nil
	}
	result := strings.Fields(right)
	if s.isPacket() {
		if len(result) < 2 {
			return s, fmt.Errorf("%s: a packet needs a verdict and a state", where)
		}
		s.want.verdict, result = result[0], result[1:]
	}
	s.want.state = result[0]
	if ended, state, both := strings.Cut(result[0], ">"); both {
		s.want.ended, s.want.state = ended, state
	} else if result[0][0] == '-' {
		s.want.ended, s.want.state = result[0][1:], "-"
	}
	s.want.fields = map[string]string{}
	for _, field := range result[1:] {
		name, value, _ := strings.Cut(field, "=")
		s.want.fields[name] = value
	}
	return s, nil
}

func (s step) isPacket() bool { return s.command[0] == '>' || s.command[0] == '<' }

// kinds are the packets other than TCP that a sequence may name.
var kinds = map[string]struct {
	proto    uint8
	icmp4    uint8
	icmp6    uint8
	onlyIPv4 bool
}{
	"udp":             {proto: frame.ProtoUDP},
	"gre":             {proto: frame.ProtoGRE},
	"echo":            {proto: frame.ProtoICMP, icmp4: 8, icmp6: 128},
	"echo-reply":      {proto: frame.ProtoICMP, icmp4: 0, icmp6: 129},
	"timestamp":       {proto: frame.ProtoICMP, icmp4: 13, onlyIPv4: true},
	"timestamp-reply": {proto: frame.ProtoICMP, icmp4: 14, onlyIPv4: true},
	"info":            {proto: frame.ProtoICMP, icmp4: 15, onlyIPv4: true},
	"info-reply":      {proto: frame.ProtoICMP, icmp4: 16, onlyIPv4: true},
	"mask":            {proto: frame.ProtoICMP, icmp4: 17, onlyIPv4: true},
	"mask-reply":      {proto: frame.ProtoICMP, icmp4: 18, onlyIPv4: true},
}

// onlyIPv4 reports whether the sequence has packets that IPv6 does not know.
func (s sequence) onlyIPv4() bool {
	for _, step := range s.steps {
		if step.isPacket() && kinds[step.words[0]].onlyIPv4 {
			return true
		}
	}
	return false
}

const flagLetters = "FSRPAUEC"

func parseFlags(s string) (flags uint8, err error) {
	if s == "." {
		return 0, nil
	}
	for _, letter := range s {
		i := strings.IndexRune(flagLetters, letter)
		if i < 0 {
			return 0, fmt.Errorf("%q are not TCP flags", s)
		}
		flags |= 1 << i
	}
	return flags, nil
}

func mustUint(t testing.TB, where, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return n
}

// parseSegment turns the words of a TCP packet into a segment; base is added to
// what the sender counts and peer to what it acknowledges.
func parseSegment(t testing.TB, where string, words []string, base, peer uint32) frame.Segment {
	t.Helper()
	flags, err := parseFlags(words[0])
	if err != nil || len(words) < 2 {
		t.Fatalf("%s: %v: no packet: %v", where, words, err)
	}
	s := frame.Segment{Flags: flags, Window: 10000}
	seq, size, _ := strings.Cut(words[1], ":")
	if size != "" {
		s.Payload = int(mustUint(t, where, size))
	}
	s.Seq = uint32(mustUint(t, where, seq)) + base
	for _, word := range words[2:] {
		name, value, option := strings.Cut(word, "=")
		switch {
		case !option:
			s.Ack = uint32(mustUint(t, where, word)) + peer
		case name == "rawack":
			s.Ack = uint32(mustUint(t, where, value))
		case name == "rawseq":
			s.Seq = uint32(mustUint(t, where, value))
		case name == "win":
			s.Window = uint16(mustUint(t, where, value))
		case name == "ws":
			s.Options = append(s.Options, 2, 4, 5, 180, 1, 3, 3, uint8(mustUint(t, where, value)))
		default:
			t.Fatalf("%s: %q is not known", where, word)
		}
	}
	return s
}
