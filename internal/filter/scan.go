package filter

import (
	"slices"
	"strings"
)

// token is a parenthesis, exclamation mark, "and" or "or" sign, comparison or
// word.
type token struct {
	text string
	at   int
}

// marks are the tokens that need no space around them, longer ones first.
var marks = [...]string{"&&", "||", "&", "|", "(", ")"}

// operators are tried in this order.
var operators = [...]string{">=", "<=", "!=", "==", ":", ">", "<", "="}

// scan splits a text into tokens. A comparison or exclamation mark inside a
// word is part of the word.
func scan(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		end := tokenEnd(text, i)
		tokens = append(tokens, token{text[i:end], i})
		i = end
	}
	return tokens
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func tokenEnd(text string, i int) int {
	if mark := markAt(text[i:]); mark != "" {
		return i + len(mark)
	}
	if op := comparisonAt(text[i:]); op != "" {
		return i + len(op)
	}
	if text[i] == '!' {
		return i + 1
	}
	for i < len(text) && !isSpace(text[i]) && markAt(text[i:]) == "" {
		i++
	}
	return i
}

// markAt returns the mark at the start of a text, empty if there is none.
func markAt(text string) string {
	for _, mark := range marks {
		if strings.HasPrefix(text, mark) {
			return mark
		}
	}
	return ""
}

// comparisonAt returns the comparison at the start of a text, empty if there is
// none.
func comparisonAt(text string) string {
	for _, op := range operators {
		if op != ":" && strings.HasPrefix(text, op) {
			return op
		}
	}
	return ""
}

// split splits a word at its operator.
func split(word string) (name, op, value string) {
	i := strings.IndexAny(word, ":<>=!")
	if i < 0 {
		return word, "", ""
	}
	for _, op := range operators {
		if strings.HasPrefix(word[i:], op) {
			return strings.ToLower(word[:i]), op, word[i+len(op):]
		}
	}
	return word, "", ""
}

func isAnd(word string) bool { return oneOf(word, "and", "&", "&&") }
func isOr(word string) bool  { return oneOf(word, "or", "|", "||") }
func isNot(word string) bool { return oneOf(word, "not", "!") }

func isJoint(word string) bool { return isAnd(word) || isOr(word) }

// oneOf reports whether a word is in a list, ignoring case.
func oneOf(word string, of ...string) bool { return slices.Contains(of, strings.ToLower(word)) }
