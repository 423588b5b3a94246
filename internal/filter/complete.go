package filter

import (
	"errors"
	"slices"
	"strings"

	"ctop/internal/field"
)

// Finished returns a filter that is being typed without the end that is not one
// yet: the beginning of a name, a field without a value, a joint without a second
// term. Parentheses still open are closed.
func Finished(text string) string {
	for {
		closed := text + strings.Repeat(")", open(text))
		_, err := ParseNamed(closed)
		var e *Error
		tokens := scan(text)
		if !errors.As(err, &e) || len(tokens) == 0 || !isBegun(e, text, closed) {
			return closed
		}
		shorter := text[:tokens[len(tokens)-1].at]
		if list := strings.TrimRight(text, ","); list != text {
			shorter = list
		}
		text = shorter
	}
}

// isBegun reports whether the mistake is only that the text has no end yet.
// Closed parentheses are none that follow.
func isBegun(e *Error, text, closed string) bool {
	if e.begun || text == closed {
		return e.begun
	}
	_, err := ParseNamed(text)
	return errors.As(err, &e) && e.begun
}

// beginsName reports whether a word begins one that has a meaning.
func beginsName(word string) bool {
	return word != "" && len(beginning(words(), word)) > 0
}

// words are all that a term may begin with.
func words() []string {
	all := append(slices.Concat(FieldNames(), flagNames(), field.OldTerms()), "not", "and", "or", "ip", "ip6", "icmp6")
	return append(append(append(all, protocolNames()...), stateNames()...), icmpNames()...)
}

// lastWord cuts the word off that the text ends with; empty after a space.
func lastWord(text string) (word, rest string) {
	i := strings.LastIndexAny(text, " \t()!") + 1
	return text[i:], text[:i]
}

func open(text string) (n int) {
	for _, t := range scan(text) {
		switch {
		case t.text == "(":
			n++
		case t.text == ")" && n > 0:
			n--
		}
	}
	return n
}

// Complete returns the text with its last word completed as far as there is
// only one way to, and the ways that there are.
func Complete(text string) (completed string, ways []string) {
	last, rest := lastWord(text)
	name, op, value := split(last)
	if f, ok := fieldNamed(name); ok && op != "" {
		i := strings.LastIndex(value, ",") + 1
		rest += last[:len(last)-len(value)+i]
		if f.values != nil {
			ways = beginning(f.values(), value[i:])
		}
		return rest + common(ways, value[i:]), ways
	}
	for _, n := range beginning(append(FieldNames(), flagNames()...), last) {
		if _, flag := flagNamed(n); !flag {
			n += ":"
		}
		ways = append(ways, n)
	}
	return rest + common(ways, last), ways
}

func beginning(all []string, with string) (some []string) {
	for _, s := range all {
		if strings.HasPrefix(s, strings.ToLower(with)) {
			some = append(some, s)
		}
	}
	return some
}

// common returns what all the ways begin with, or what is there already where
// there are none.
func common(ways []string, already string) string {
	if len(ways) == 0 {
		return already
	}
	prefix := ways[0]
	for _, way := range ways {
		for !strings.HasPrefix(way, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}
