// Package filter says which flows to show. A filter is a line of terms that
// must all hold:
//
//	443                words are looked for in the protocol, addresses, ports and state
//	proto:tcp,udp      a value or any of several
//	state:syn          a state, or how its name begins
//	port:443 sport:1024-2047 dport:53
//	host:10.0.0.7 src:10.0.0.0/8 dst:2001:db8::/32
//	!state:established what must not hold
package filter

import (
	"bytes"
	"fmt"
	"strings"

	"ctop/tracker"
)

// Filter is a parsed filter. The zero value lets every flow pass. A filter may
// be used by several goroutines.
type Filter struct {
	text  string
	words []word
	terms []term
}

// word is a text that has to be found, or must not be.
type word struct {
	text []byte
	not  bool
}

// term is a condition on a flow's fields.
type term func(*tracker.Flow) bool

// Parse reads a filter. Its errors say what to write instead.
func Parse(text string) (Filter, error) {
	f := Filter{text: strings.TrimSpace(text)}
	for _, field := range strings.Fields(text) {
		if err := f.add(field); err != nil {
			return Filter{}, err
		}
	}
	return f, nil
}

// Finished returns a filter that is being typed without its last word, where
// that may become the name of a term.
func Finished(text string) string {
	last := text[strings.LastIndex(text, " ")+1:]
	word := strings.TrimPrefix(last, "!")
	if len(word) < 2 {
		return strings.TrimSuffix(text, "!")
	}
	for _, name := range termNames {
		if strings.HasPrefix(name, word) {
			return strings.TrimSuffix(text, last)
		}
	}
	return text
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// Empty reports whether every flow passes.
func (f Filter) Empty() bool { return len(f.words) == 0 && len(f.terms) == 0 }

// Match reports whether a flow passes.
func (f Filter) Match(flow *tracker.Flow) bool {
	for _, holds := range f.terms {
		if !holds(flow) {
			return false
		}
	}
	return len(f.words) == 0 || f.matchWords(flow)
}

func (f Filter) matchWords(flow *tracker.Flow) bool {
	var buffer [192]byte
	text := appendText(buffer[:0], flow)
	for _, w := range f.words {
		if bytes.Contains(text, w.text) == w.not {
			return false
		}
	}
	return true
}

func (f *Filter) add(field string) error {
	body, not := strings.CutPrefix(field, "!")
	if body == "" {
		return fmt.Errorf("! stands before what must not hold: write it like !proto:udp")
	}
	key, values, ok := strings.Cut(body, ":")
	if !ok || isAddress(body) {
		f.words = append(f.words, word{bytes.ToLower([]byte(body)), not})
		return nil
	}
	parse, ok := parsers[key]
	if !ok {
		return fmt.Errorf("no term is called %q: use %s", key, strings.Join(termNames, ", "))
	}
	holds, err := anyOf(values, parse)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	f.terms = append(f.terms, func(flow *tracker.Flow) bool { return holds(flow) != not })
	return nil
}

// isAddress tells a word like fe80::1 or 10.0.0.1:443 from a term.
func isAddress(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF:.[]/") == ""
}

// anyOf reads values separated by commas, one of which has to hold.
func anyOf(values string, parse parser) (term, error) {
	var terms []term
	for value := range strings.SplitSeq(values, ",") {
		t, err := parse(value)
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return func(flow *tracker.Flow) bool {
		for _, holds := range terms {
			if holds(flow) {
				return true
			}
		}
		return false
	}, nil
}
