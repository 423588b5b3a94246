package filter

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"ctop/tracker"
)

// Error is a filter that cannot be read.
type Error struct {
	// Column is where the mistake is, in characters from one on.
	Column int
	// Problem says what is wrong and what to write instead.
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (column %d)", e.Problem, e.Column) }

// token is a parenthesis, an exclamation mark or a word.
type token struct {
	text string
	at   int
}

// scan cuts a text into tokens. An exclamation mark inside a word is a part of
// it.
func scan(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case isSpace(c):
			i++
		case strings.IndexByte("()!", c) >= 0:
			tokens = append(tokens, token{text[i : i+1], i})
			i++
		default:
			end := wordEnd(text, i)
			tokens = append(tokens, token{text[i:end], i})
			i = end
		}
	}
	return tokens
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func wordEnd(text string, i int) int {
	for i < len(text) && !isSpace(text[i]) && text[i] != '(' && text[i] != ')' {
		i++
	}
	return i
}

// deepest is how many parentheses and negations may stand inside each other.
const deepest = 64

// parser reads
//
//	either = all { "or" all }
//	all    = one { [ "and" ] one }
//	one    = ( "not" | "!" ) one | "(" either ")" | word
type parser struct {
	text   string
	tokens []token
	depth  int
	loose  bool
	ended  bool
}

func (p *parser) parse() (term, error) {
	if len(p.tokens) == 0 {
		return nil, nil
	}
	root, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = p.fail(p.at(), "there is no ( for this )")
	}
	return root, err
}

func (p *parser) either() (term, error) {
	first, err := p.all()
	for err == nil && p.take("or", "|", "||") {
		var second term
		second, err = p.all()
		first = or(first, second)
		p.loose = p.loose || p.depth == 0
	}
	return first, err
}

func (p *parser) all() (term, error) {
	first, err := p.one()
	for err == nil && (p.take("and", "&", "&&") || !p.atEnd()) {
		var second term
		second, err = p.one()
		first = and(first, second)
	}
	return first, err
}

// atEnd reports whether nothing follows that could be one more term.
func (p *parser) atEnd() bool {
	if len(p.tokens) == 0 {
		return true
	}
	switch strings.ToLower(p.tokens[0].text) {
	case ")", "or", "|", "||":
		return true
	}
	return false
}

func (p *parser) one() (term, error) {
	at := p.at()
	if p.depth++; p.depth > deepest {
		return nil, p.fail(at, "too many things inside each other")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("!", "not"):
		inner, err := p.one()
		return not(inner), err
	case p.take("("):
		inner, err := p.either()
		if err == nil && !p.take(")") {
			err = p.fail(at, "there is no ) for this (")
		}
		return inner, err
	case p.atEnd() || isJoint(p.tokens[0].text):
		return nil, p.fail(at, "a term is missing here: write one like proto:udp")
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	return p.word(word)
}

func isJoint(word string) bool {
	switch strings.ToLower(word) {
	case "and", "&", "&&", "or", "|", "||":
		return true
	}
	return false
}

// take goes on past the next token where that is one of the given ones.
func (p *parser) take(wanted ...string) bool {
	if len(p.tokens) == 0 {
		return false
	}
	for _, w := range wanted {
		if strings.EqualFold(p.tokens[0].text, w) {
			p.tokens = p.tokens[1:]
			return true
		}
	}
	return false
}

// at is where the next token stands, or the end of the text.
func (p *parser) at() int {
	if len(p.tokens) > 0 {
		return p.tokens[0].at
	}
	return len(p.text)
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &Error{Column: utf8.RuneCountInString(p.text[:at]) + 1, Problem: fmt.Sprintf(format, args...)}
}

// word reads a term: a field with a value, a flag, or a text to be found.
func (p *parser) word(t token) (term, error) {
	if holds, ok := flags[strings.ToLower(t.text)]; ok {
		return holds.term, nil
	}
	name, op, value := split(t.text)
	if op == "" || isAddress(t.text) {
		return contains(t.text), nil
	}
	f, ok := fieldNamed(name)
	if !ok {
		return nil, p.fail(t.at, "no term is called %q: use one of %s", name, strings.Join(FieldNames(), ", "))
	}
	holds, bad, err := f.read(op, value)
	if err != nil {
		return nil, p.fail(t.at+len(name)+len(op)+bad, "%s: %s", f.Name, err)
	}
	p.ended = p.ended || f.wantsEnded(value)
	return holds, nil
}

// operators in the order in which they have to be looked for.
var operators = [...]string{">=", "<=", "!=", ":", ">", "<", "="}

// split cuts a word at its operator.
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

// isAddress tells a word like fe80::1 or 10.0.0.1:443 from a term.
func isAddress(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF:.[]/") == ""
}

// contains looks for a text in what the columns show of a flow's identity.
func contains(word string) term {
	wanted := bytes.ToLower([]byte(word))
	return func(s subject) bool {
		var buffer [192]byte
		return bytes.Contains(appendText(buffer[:0], s.flow), wanted)
	}
}

func and(a, b term) term { return func(s subject) bool { return a(s) && b(s) } }
func or(a, b term) term  { return func(s subject) bool { return a(s) || b(s) } }
func not(a term) term    { return func(s subject) bool { return !a(s) } }

// asksForEnded reports whether a value of the state field is, or begins, the
// word that stands for flows which have ended.
func asksForEnded(value string) bool {
	for one := range strings.SplitSeq(strings.ToLower(value), ",") {
		if one != "" && strings.HasPrefix(ended, one) && !beginsState(one) {
			return true
		}
	}
	return false
}

func beginsState(value string) bool {
	for _, s := range tracker.States() {
		if strings.HasPrefix(strings.ToLower(s.String()), value) {
			return true
		}
	}
	return false
}
