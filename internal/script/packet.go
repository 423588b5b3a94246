package script

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ctop/internal/frame"
)

// flagLetters are the letters of the TCP flags, from the lowest bit on.
const flagLetters = "FSRPAUEC"

// packet sets the fields of a step from the words of its line.
func (p *parser) packet(s *Step, words []string) error {
	if len(words) < 2 {
		return errors.New("a packet needs a direction, and flags or a kind")
	}
	if err := s.parseDirection(words[0]); err != nil {
		return err
	}
	if err := s.parseKind(words[1]); err != nil {
		return err
	}
	return p.numbers(s, words[2:])
}

func (s *Step) parseDirection(word string) error {
	s.Reply = word[0] == '<'
	for _, mark := range word[1:] {
		switch mark {
		case '!':
			s.Stray = true
		case 'x':
			s.Crossed = true
		default:
			return fmt.Errorf("%q is no direction: use > or <, with ! or x", word)
		}
	}
	return nil
}

func (s *Step) parseKind(word string) error {
	if word == "." {
		return nil
	}
	for kind := range kinds {
		if kinds[kind].word == word {
			s.Kind = Kind(kind)
			return nil
		}
	}
	for _, letter := range word {
		bit := strings.IndexRune(flagLetters, letter)
		if bit < 0 {
			return fmt.Errorf("%q is no packet: use TCP flags out of %s, or one of %s", word, flagLetters, strings.Join(kindWords(), ", "))
		}
		s.Flags |= 1 << bit
	}
	return nil
}

func kindWords() (all []string) {
	for _, k := range kinds[UDP:] {
		all = append(all, k.word)
	}
	return all
}

// numbers sets a step's numbers to those of a correct end, and then applies the
// words.
func (p *parser) numbers(s *Step, words []string) error {
	tuple, d := 0, s.Dir()
	if s.Crossed {
		tuple = 1
	}
	next, sent := &p.now.next[tuple], &p.now.sent[tuple]
	s.Seq = next[d]
	if s.Has(frame.ACK) {
		s.Ack = next[1-d]
	}
	for _, word := range words {
		if err := s.parseWord(word); err != nil {
			return err
		}
	}
	if s.Kind != TCP {
		return nil
	}
	// An end that has not sent starts at its initial number, or at the one that
	// the other end expects.
	if !sent[d] {
		next[d] = s.Seq
	}
	if s.Has(frame.ACK) && !sent[1-d] {
		next[1-d] = s.Ack
	}
	sent[d] = true
	if s.Has(frame.SYN) || !s.Has(frame.RST) && s.Seq == next[d] {
		next[d] = s.End()
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
		return fmt.Errorf("%q: want NAME=NUMBER, seq+NUMBER or seq-NUMBER", word)
	}
	name, sign, value := word[:at], word[at], word[at+1:]
	if name == "sack" {
		_, err := fmt.Sscanf(value, "%d-%d", &s.Sack[0], &s.Sack[1])
		return err
	}
	if sign != '=' && name != "seq" && name != "ack" {
		return fmt.Errorf("%q: only seq and ack are relative", word)
	}
	return s.set(name, sign, value)
}

// widths is the size of each number in bits.
var widths = map[string]int{"seq": 32, "ack": 32, "rawseq": 32, "rawack": 32, "win": 16, "ws": 8, "len": 16, "mtu": 16}

func (s *Step) set(name string, sign byte, value string) error {
	width, known := widths[name]
	if !known {
		return fmt.Errorf("%q is none of %s, sack", name, strings.Join(sortedWords(), ", "))
	}
	n, err := strconv.ParseUint(value, 10, width)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "seq", "rawseq":
		s.Seq, s.RawSeq = apply(s.Seq, sign, uint32(n)), name == "rawseq"
	case "ack", "rawack":
		s.Ack, s.RawAck = apply(s.Ack, sign, uint32(n)), name == "rawack"
	case "win":
		s.Window = uint16(n)
	case "ws":
		s.Scale = int16(n)
	case "len":
		s.Len = uint16(n)
	case "mtu":
		s.MTU = uint16(n)
	}
	return nil
}

func sortedWords() (all []string) {
	for word := range widths {
		all = append(all, word)
	}
	slices.Sort(all)
	return all
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
