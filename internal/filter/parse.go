package filter

import (
	"fmt"
	"unicode/utf8"
)

// Error is a filter that cannot be read.
type Error struct {
	// Column is where the mistake is, in characters from one on.
	Column int
	// Problem says what is wrong and what to write instead.
	Problem string

	// begun is set where the text may only be lacking its end.
	begun bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s (column %d)", e.Problem, e.Column) }

// deepest is how many parentheses and negations may stand inside each other.
const deepest = 64

// parser reads
//
//	either = all { "or" all }
//	all    = one { [ "and" ] one }
//	one    = ( "not" | "!" ) one | "(" either ")" | primitive
//
// where "and" may not follow "or" without parentheses: tcpdump gives both the
// same precedence, most other languages do not.
type parser struct {
	text   string
	tokens []token
	depth  int
	loose  bool
	ended  bool
	// named accepts names of hosts, usesNames is set where there is one, and
	// searches where there is a text.
	named, usesNames, searches bool
	// uses are the fields that the filter has, interfaces its names of interfaces.
	uses       []place
	interfaces []place
	// last is what a value without a keyword stands for: tcpdump's "port 80 or
	// 443". It is nil where the term before was none of tcpdump's.
	last *qualifier
	// beside is set where nothing joins a term to the one before it, instead
	// where "or" does.
	beside, instead bool
	// before is the field that the term before had a number or an address for.
	before string
}

// place is a word and the column where it stands.
type place struct {
	word   string
	column int
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
	first, _, err := p.all()
	for err == nil && p.take(isOr) {
		p.loose = p.loose || p.depth == 0
		p.beside, p.instead = false, true
		second, joint, failed := p.all()
		if failed == nil && joint != nil {
			failed = p.fail(joint.at, "%s after or can be read in two ways: write (a or b) and c, or a or (b and c)", joint.text)
		}
		first, err = or(first, second), failed
	}
	return first, err
}

// all returns the first "and" among the terms, too.
func (p *parser) all() (first term, joint *token, err error) {
	first, err = p.one()
	for err == nil && !p.atEnd() {
		next := p.tokens[0]
		p.beside, p.instead = !p.take(isAnd), false
		if !p.beside && joint == nil {
			joint = &next
		}
		var second term
		second, err = p.one()
		first = and(first, second)
	}
	return first, joint, err
}

// atEnd reports whether nothing follows that could be one more term.
func (p *parser) atEnd() bool {
	next := p.peek()
	return next == "" || next == ")" || isOr(next)
}

func (p *parser) one() (term, error) {
	at := p.at()
	if p.depth++; p.depth > deepest {
		return nil, p.fail(at, "too many things inside each other")
	}
	defer func() { p.depth-- }()
	next := p.peek()
	switch {
	case p.take(isNot):
		if err := p.checkNegated(next); err != nil {
			return nil, err
		}
		inner, err := p.one()
		return not(inner), err
	case next == "(":
		p.next()
		inner, err := p.either()
		if err == nil && p.peek() != ")" {
			err = p.fail(at, "there is no ) for this (")
		}
		p.skip()
		return inner, err
	case p.atEnd() || isJoint(next):
		return nil, p.missing(at, "a term is missing here: write one like proto:udp or port 53")
	}
	return p.primitive()
}

// checkNegated refuses "not tcp 443": it may mean that either does not hold, or
// both. An exclamation mark stands at what it negates.
func (p *parser) checkNegated(negation string) error {
	if negation == "!" || len(p.tokens) < 2 {
		return nil
	}
	protocol, next := p.tokens[0], p.tokens[1].text
	if !isProtocol(protocol.text) || next == ")" || isJoint(next) || isQualifier(next) {
		return nil
	}
	return p.fail(protocol.at, "not %s %s can be read in two ways: write not (%[1]s and %[2]s), or not %[1]s and %[2]s", protocol.text, next)
}

// next goes on past the next token and returns it.
func (p *parser) next() token {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// skip goes on past the next token where there is one.
func (p *parser) skip() {
	if len(p.tokens) > 0 {
		p.next()
	}
}

// peek returns the next token, empty at the end.
func (p *parser) peek() string { return p.peekAt(0) }

// peekAt returns the text of a token further on.
func (p *parser) peekAt(i int) string {
	if i >= len(p.tokens) {
		return ""
	}
	return p.tokens[i].text
}

// take goes on past the next token where that is one of the wanted ones.
func (p *parser) take(wanted func(word string) bool) bool {
	if len(p.tokens) == 0 || !wanted(p.tokens[0].text) {
		return false
	}
	p.next()
	return true
}

// at is where the next token stands, or the end of the text.
func (p *parser) at() int {
	if len(p.tokens) > 0 {
		return p.tokens[0].at
	}
	return len(p.text)
}

func (p *parser) column(at int) int { return utf8.RuneCountInString(p.text[:at]) + 1 }

func (p *parser) fail(at int, format string, args ...any) error {
	return &Error{Column: p.column(at), Problem: fmt.Sprintf(format, args...)}
}

// missing is the mistake that something does not stand here. At the end of the
// text it may still come.
func (p *parser) missing(at int, format string, args ...any) error {
	return &Error{Column: p.column(at), Problem: fmt.Sprintf(format, args...), begun: len(p.tokens) == 0}
}

func and(a, b term) term { return func(s subject) bool { return a(s) && b(s) } }
func or(a, b term) term  { return func(s subject) bool { return a(s) || b(s) } }
func not(a term) term    { return func(s subject) bool { return !a(s) } }
