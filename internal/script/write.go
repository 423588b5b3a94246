package script

import (
	"fmt"
	"strings"
)

// String formats the sequence so that Parse returns the same packets.
func (s *Sequence) String() string {
	var b strings.Builder
	b.WriteString("= " + s.Name + "\n" + word(s.V6, "family ipv6\n") + word(s.Enforce, "policy enforce\n"))
	for i := range s.Steps {
		b.WriteString(s.Steps[i].String() + "\n")
	}
	return b.String()
}

func word(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// String formats the step with all its numbers, without the expected result.
func (s *Step) String() string {
	if s.Command != "" {
		return strings.Join(append([]string{s.Command}, s.Args...), " ")
	}
	var b strings.Builder
	b.WriteString(map[bool]string{false: ">", true: "<"}[s.Reply] + word(s.Stray, "!") + word(s.Crossed, "x") + " ")
	if s.Kind != TCP {
		return b.String() + kinds[s.Kind].word + s.size()
	}
	b.WriteString(FlagString(s.Flags))
	fmt.Fprintf(&b, " %sseq=%d %sack=%d win=%d", word(s.RawSeq, "raw"), s.Seq, word(s.RawAck, "raw"), s.Ack, s.Window)
	if s.Scale != NoScale {
		fmt.Fprintf(&b, " ws=%d", s.Scale)
	}
	if s.Sack[0] != s.Sack[1] {
		fmt.Fprintf(&b, " sack=%d-%d", s.Sack[0], s.Sack[1])
	}
	return b.String() + word(s.SackOK, " sackok") + s.size()
}

func (s *Step) size() string {
	return word(s.Len > 0, fmt.Sprintf(" len=%d", s.Len)) + word(s.MTU > 0, fmt.Sprintf(" mtu=%d", s.MTU)) + word(s.Spoiled, " badsum")
}

// FlagString returns the letters of TCP flags as Parse accepts them.
func FlagString(flags uint8) string {
	var b strings.Builder
	for i, letter := range flagLetters {
		if flags>>i&1 != 0 {
			b.WriteRune(letter)
		}
	}
	if b.Len() == 0 {
		return "."
	}
	return b.String()
}
