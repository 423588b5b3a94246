package filter

import (
	"errors"
	"slices"
	"strings"

	"ctop/internal/field"
)

// Finished returns the part of a filter being typed that is complete. It
// removes a partial name, a field without a value, or an operator without a
// second term, and closes open parentheses.
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

// isBegun reports whether an error only means that the text is incomplete.
// Added closing parentheses do not count as text.
func isBegun(e *Error, text, closed string) bool {
	if e.begun || text == closed {
		return e.begun
	}
	_, err := ParseNamed(text)
	return errors.As(err, &e) && e.begun
}

// beginsName reports whether a word is a prefix of a known name.
func beginsName(word string) bool {
	return word != "" && len(beginning(words(), word)) > 0
}

// words returns all words that can start a term.
func words() []string {
	all := append(slices.Concat(FieldNames(), flagNames(), field.OldTerms()), "not", "and", "or", "ip", "ip6", "icmp6")
	return append(append(append(all, protocolNames()...), stateNames()...), icmpNames()...)
}

// lastWord splits off the last word, which is empty after a space.
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

// Complete completes the last word of a text as far as it is unambiguous. It
// also returns all completions of that word.
func Complete(text string) (completed string, completions []string) {
	last, rest := lastWord(text)
	name, op, value := split(last)
	if f, ok := fieldNamed(name); ok && op != "" {
		i := strings.LastIndex(value, ",") + 1
		rest += last[:len(last)-len(value)+i]
		if f.values != nil {
			completions = beginning(f.values(), value[i:])
		}
		return rest + common(completions, value[i:]), completions
	}
	for _, n := range beginning(append(FieldNames(), flagNames()...), last) {
		if _, flag := flagNamed(n); !flag {
			n += ":"
		}
		completions = append(completions, n)
	}
	return rest + common(completions, last), completions
}

func beginning(all []string, with string) (some []string) {
	for _, s := range all {
		if strings.HasPrefix(s, strings.ToLower(with)) {
			some = append(some, s)
		}
	}
	return some
}

// common returns the common prefix of all completions, or already if there are
// none.
func common(completions []string, already string) string {
	if len(completions) == 0 {
		return already
	}
	prefix := completions[0]
	for _, c := range completions {
		for !strings.HasPrefix(c, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}
