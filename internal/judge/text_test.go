package judge

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A file of sequences reads like this:
//
//	sequence three-packet close      starts one; words after the name: v6, enforce
//	> S win=65535 ws=7 sackok        from the first end to the second
//	< SA                             and back
//	> A => established ESTABLISHED   what ctop is to answer
//	> PA len=100
//	> PA len=100 mtu=68              in fragments of at most 68 bytes
//	> PA len=100 badsum              with a wrong checksum
//	< A ack-50 ~ old-ack             a difference that is to show
//	>x S                             in the tuple with the ports exchanged
//	> udp len=20
//	> echo, < echo-reply, > quote, > other
//
// Numbers that are left out are those that an honest end would use; seq+5 and
// ack-3 are relative to them, seq=5 is absolute. What follows a # is a comment.

// flagLetters has the letter of each TCP flag, from the lowest bit on.
const flagLetters = "FSRPAUEC"

// The numbers that the ends begin with where a scenario names none.
const (
	firstISN  = 1_000_000
	secondISN = 5_000_000
)

// parser turns text into sequences.
type parser struct {
	sequences []*Sequence
	// next is what each end would send next in each of the two tuples.
	next [2][2]uint32
	line int
}

func parseSequences(text string) ([]*Sequence, error) {
	var p parser
	for line := range strings.Lines(text) {
		p.line++
		line, _, _ = strings.Cut(line, "#")
		if err := p.take(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	return p.sequences, nil
}

func (p *parser) take(line string) error {
	if line == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "sequence "); ok {
		p.begin(rest)
		return nil
	}
	if len(p.sequences) == 0 {
		return errors.New("a step before the first sequence")
	}
	s := p.sequences[len(p.sequences)-1]
	step, err := p.step(line)
	if err != nil {
		return err
	}
	s.Steps = append(s.Steps, step)
	return nil
}

func (p *parser) begin(words string) {
	s := &Sequence{}
	var name []string
	for _, word := range strings.Fields(words) {
		switch word {
		case "v6":
			s.V6 = true
		case "enforce":
			s.Enforce = true
		default:
			name = append(name, word)
		}
	}
	s.Name = strings.Join(name, " ")
	p.sequences = append(p.sequences, s)
	p.next = [2][2]uint32{{firstISN, secondISN}, {firstISN, secondISN}}
}

func (p *parser) step(line string) (Step, error) {
	step := Step{Scale: NoScale, Window: 64240, Line: p.line}
	line, step.Differs, _ = strings.Cut(line, "~")
	step.Differs = strings.TrimSpace(step.Differs)
	line, want, wants := strings.Cut(line, "=>")
	if wants {
		answer, err := parseAnswer(want)
		if err != nil {
			return step, err
		}
		step.Want = &answer
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return step, errors.New("a step needs a direction and a packet")
	}
	if err := step.parseDirection(words[0]); err != nil {
		return step, err
	}
	if err := step.parseKind(words[1]); err != nil {
		return step, err
	}
	return step, p.numbers(&step, words[2:])
}

func (s *Step) parseDirection(word string) error {
	word, s.Crossed = strings.CutSuffix(word, "x")
	s.Reply = word == "<"
	if word != ">" && word != "<" {
		return fmt.Errorf("%q is no direction: use > or <", word)
	}
	return nil
}

var kindNames = map[string]Kind{
	"udp": UDP, "echo": Echo, "echo-reply": EchoReply, "quote": Quote, "other": Other,
}

func (s *Step) parseKind(word string) error {
	if kind, ok := kindNames[word]; ok {
		s.Kind = kind
		return nil
	}
	if word == "-" {
		return nil
	}
	for _, letter := range word {
		bit := strings.IndexRune(flagLetters, letter)
		if bit < 0 {
			return fmt.Errorf("%q is no packet: use TCP flags out of %s, or one of udp, echo, echo-reply, quote, other",
				word, flagLetters)
		}
		s.Flags |= 1 << bit
	}
	return nil
}

// numbers fills what an honest end would say, then what the words change.
func (p *parser) numbers(step *Step, words []string) error {
	next := &p.next[0]
	if step.Crossed {
		next = &p.next[1]
	}
	d := step.dir()
	step.Seq = next[d]
	if step.Flags&ACK != 0 {
		step.Ack = next[1-d]
	}
	for _, word := range words {
		if err := step.parseWord(word); err != nil {
			return err
		}
	}
	if step.Kind == TCP && !step.has(RST) && after(step.end(), next[d]) && step.Seq == next[d] {
		next[d] = step.end()
	} else if step.has(SYN) {
		next[d] = step.end()
	}
	return nil
}

func (s *Step) parseWord(word string) error {
	switch word {
	case "sackok":
		s.SackOK = true
		return nil
	case "badsum":
		s.Spoiled = true
		return nil
	}
	at := strings.IndexAny(word, "=+-")
	if at < 0 {
		return fmt.Errorf("%q: want name=number, seq+number or seq-number", word)
	}
	name, sign, value := word[:at], word[at], word[at+1:]
	if name == "sack" {
		_, err := fmt.Sscanf(value, "%d-%d", &s.Sack[0], &s.Sack[1])
		return err
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return fmt.Errorf("%q: %w", word, err)
	}
	return s.set(name, sign, uint32(n))
}

func (s *Step) set(name string, sign byte, n uint32) error {
	switch name {
	case "seq":
		s.Seq = apply(s.Seq, sign, n)
	case "ack":
		s.Ack = apply(s.Ack, sign, n)
	case "win":
		s.Window = uint16(n)
	case "ws":
		s.Scale = int8(n)
	case "len":
		s.Len = uint16(n)
	case "mtu":
		s.MTU = uint16(n)
	default:
		return fmt.Errorf("%q is none of seq, ack, win, ws, len, mtu, sack", name)
	}
	return nil
}

func apply(base uint32, sign byte, n uint32) uint32 {
	switch sign {
	case '+':
		return base + n
	case '-':
		return base - n
	}
	return n
}

// write prints the sequence so that parseSequences reads the same.
func (s *Sequence) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "sequence %s%s%s\n", s.Name, word(s.V6, " v6"), word(s.Enforce, " enforce"))
	for i := range s.Steps {
		_, _ = fmt.Fprintln(w, s.Steps[i].String())
	}
}

func (s *Sequence) String() string {
	var b strings.Builder
	s.write(&b)
	return b.String()
}

func word(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// String gives the step with all its numbers.
func (s *Step) String() string {
	var b strings.Builder
	b.WriteString(map[bool]string{false: ">", true: "<"}[s.Reply] + word(s.Crossed, "x") + " ")
	if s.Kind != TCP {
		for name, kind := range kindNames {
			if kind == s.Kind {
				b.WriteString(name)
			}
		}
		return b.String() + s.size()
	}
	b.WriteString(flagString(s.Flags))
	fmt.Fprintf(&b, " seq=%d ack=%d win=%d", s.Seq, s.Ack, s.Window)
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

func flagString(flags uint8) string {
	var b strings.Builder
	for i, letter := range flagLetters {
		if flags>>i&1 != 0 {
			b.WriteRune(letter)
		}
	}
	if b.Len() == 0 {
		return "-"
	}
	return b.String()
}
