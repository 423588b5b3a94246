package filter

import (
	"bytes"
	"strconv"
	"strings"

	"ctop/tracker/flow"
)

// bare parses a word without a keyword: another value for the previous keyword,
// or a number or address, which must match exactly.
func (p *parser) bare(before string) (term, error) {
	word := p.tokens[0]
	switch {
	case p.last != nil && p.beside:
		return nil, p.fail(word.at, "%s stands beside another value of %s: write \"or\" or \"and\" between them", word.text, p.last.text)
	case p.last != nil:
		return p.value(p.last, ":")
	}
	p.next()
	if before != "" && p.instead && (startsWithDigit(word.text) || isAddress(word.text)) {
		return nil, p.fail(word.at, "%s after %s and or: write %[2]s:%[1]s, or what else it is, like port 443 or host 10.0.0.1", word.text, before)
	}
	p.note(bareNeed(word.text), true)
	if holds, ok := readNumber(word.text); ok {
		return holds, nil
	}
	if holds, ok := readEnd(word.text); ok {
		return holds, nil
	}
	return nil, p.unknown(word)
}

// unknown returns the error for an unknown word, with a suggestion.
func (p *parser) unknown(word token) error {
	name, op, value := split(word.text)
	switch at := word.at + len(word.text) - len(value); {
	case op == "" || isAddress(word.text):
	case asksForBytes(value):
		return p.noBytes(at, value)
	case value == "" && asksForBytes(p.peek()):
		return p.noBytes(p.at(), p.peek())
	case hasFlag(name):
		return p.fail(word.at, "%s takes no value: write %[1]s, or !%[1]s", name)
	case name == "":
		return p.fail(word.at, "%s needs a field before it, as in port%[1]s443", op)
	default:
		return p.fail(word.at, "no term is called %q: use one of %s", name, strings.Join(FieldNames(), ", "))
	}
	instead := "write ~" + word.text + " to search for text"
	if _, err := readState(word.text); err == nil {
		instead = "write state:" + word.text + ", or ~" + word.text + " to search for text"
	} else if _, err := readPort(word.text); err == nil {
		instead = "write port:" + word.text + ", or ~" + word.text + " to search for text"
	}
	if beginsName(word.text) || isHalfAddress(word.text) {
		return p.missing(word.at, "%q is not a term: %s", word.text, instead)
	}
	return p.fail(word.at, "%q is not a term: %s", word.text, instead)
}

// readNumber parses a port or an ICMP ID, an ICMP ID with # before it, or a
// flow ID, which has 16 digits.
func readNumber(word string) (term, bool) {
	if len(word) == 16 {
		if holds, err := readID(word); err == nil {
			return holds, true
		}
	}
	digits, onlyICMP := strings.CutPrefix(word, "#")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, false
	}
	return func(s subject) bool {
		t := &s.flow.Tuple
		switch {
		case t.Proto.HasICMP():
			return uint64(t.ICMPID) == n
		case t.Proto.HasPorts() && !onlyICMP:
			return uint64(t.Src.Port()) == n || uint64(t.Dst.Port()) == n
		}
		return false
	}, true
}

// readEnd parses an address, prefix or pattern for either end, or an address
// with a port for one end.
func readEnd(word string) (term, bool) {
	var one flow.End
	if err := one.UnmarshalText([]byte(word)); err == nil && word != "" {
		return func(s subject) bool {
			t := &s.flow.Tuple
			return t.Proto.HasPorts() && (t.Src == one || t.Dst == one)
		}, true
	}
	if prefix, err := readPrefix(word); err == nil {
		return inPrefix(prefix, []end{source, destination}), true
	}
	return nil, false
}

// isAddress reports whether a word is an address, with or without a port.
func isAddress(word string) bool {
	_, ok := readEnd(word)
	return ok
}

// contains returns a term that searches for a text in the flow's identity
// columns.
func contains(word string) term {
	wanted := bytes.ToLower([]byte(word))
	return func(s subject) bool {
		var buffer [192]byte
		return bytes.Contains(appendText(buffer[:0], s), wanted)
	}
}
