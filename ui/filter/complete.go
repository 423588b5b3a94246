package filter

import (
	"slices"
	"strings"
)

// Finished returns a filter that is being typed without the end that is not one
// yet: the beginning of a field's name, a field without a value, a joint
// without a second term. Parentheses still open are closed.
func Finished(text string) string {
	for {
		shorter := finishedOnce(text)
		if shorter == text {
			return text + strings.Repeat(")", open(text))
		}
		text = shorter
	}
}

func finishedOnce(text string) string {
	last, rest := lastWord(text)
	switch {
	case last == "":
		trimmed := strings.TrimRight(text, " ")
		if word, _ := lastWord(trimmed); isJoint(word) || strings.EqualFold(word, "not") {
			return strings.TrimSuffix(trimmed, word)
		}
		for _, end := range []string{"!", "("} {
			if strings.HasSuffix(trimmed, end) {
				return strings.TrimSuffix(trimmed, end)
			}
		}
		return text
	case unfinished(last):
		return rest
	}
	return strings.TrimRight(text, ",")
}

func unfinished(word string) bool {
	name, op, value := split(word)
	if _, ok := fieldNamed(name); ok && op != "" && value == "" {
		return true
	}
	if len(word) < 2 {
		return false
	}
	return isJoint(word) || slices.ContainsFunc(names(), func(n string) bool {
		return strings.HasPrefix(n, strings.ToLower(word)) && (n != word || !isFlag(n))
	})
}

// names are all the words that a term may begin with.
func names() []string { return append(append(FieldNames(), flagNames()...), "not") }

func isFlag(name string) bool {
	_, ok := flags[name]
	return ok
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
		if !isFlag(n) {
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
