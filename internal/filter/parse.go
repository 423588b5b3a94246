package filter

import (
	"fmt"
	"unicode/utf8"
)

// Error is a syntax error in a filter.
type Error struct {
	// Column is the position of the mistake in characters, starting at 1.
	Column int
	// Problem describes the mistake and a correction.
	Problem string

	// begun is set if the text may only be incomplete.
	begun bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s (column %d)", e.Problem, e.Column) }

// deepest is the maximal nesting depth of parentheses and negations.
const deepest = 64

// parser parses
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
	// named accepts host names. usesNames is set if there is one, searches if
	// there is a text.
	named, usesNames, searches bool
	// uses are the fields that the filter has, interfaces its names of interfaces.
	uses       []place
	interfaces []place
	// last is the keyword that applies to a value without one, as in tcpdump's
	// "port 80 or 443". It is nil if the previous term was not in tcpdump's
	// syntax.
	last *qualifier
	// beside is set if no operator joins a term to the previous one, instead if
	// "or" does.
	beside, instead bool
	// before is the field of the previous term if that had a number or an
	// address.
	before string
	// need is that of the last term, noted is set if that has told it.
	need  need
	noted bool
	// varies is set if a term tests what may change while a flow lives.
	varies bool
}

// note tells the need of a term, and that it tests nothing that changes.
func (p *parser) note(n need, fixed bool) {
	p.need, p.noted = n, fixed
}

// place is a word and its column.
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
		before := p.need
		second, joint, failed := p.all()
		p.need = before.either(p.need)
		if failed == nil && joint != nil {
			failed = p.fail(joint.at, "%s after or can be read in two ways: write (a or b) and c, or a or (b and c)", joint.text)
		}
		first, err = or(first, second), failed
	}
	return first, err
}

// all also returns the first "and" between the terms.
func (p *parser) all() (first term, joint *token, err error) {
	first, err = p.one()
	for err == nil && !p.atEnd() {
		next := p.tokens[0]
		p.beside, p.instead = !p.take(isAnd), false
		if !p.beside && joint == nil {
			joint = &next
		}
		var second term
		before := p.need
		second, err = p.one()
		p.need = before.both(p.need)
		first = and(first, second)
	}
	return first, joint, err
}

// atEnd reports whether no further term can follow.
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
		p.need = nil
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
	p.note(nil, false)
	holds, err := p.primitive()
	p.varies = p.varies || !p.noted
	return holds, err
}

// checkNegated refuses "not tcp 443", which is ambiguous: not both, or neither.
// An exclamation mark is not, since it belongs to one term.
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

// next consumes the next token and returns it.
func (p *parser) next() token {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// skip consumes the next token if there is one.
func (p *parser) skip() {
	if len(p.tokens) > 0 {
		p.next()
	}
}

// peek returns the text of the next token, empty at the end.
func (p *parser) peek() string { return p.peekAt(0) }

// peekAt returns the text of the token i places ahead.
func (p *parser) peekAt(i int) string {
	if i >= len(p.tokens) {
		return ""
	}
	return p.tokens[i].text
}

// take consumes the next token if wanted accepts it.
func (p *parser) take(wanted func(word string) bool) bool {
	if len(p.tokens) == 0 || !wanted(p.tokens[0].text) {
		return false
	}
	p.next()
	return true
}

// at returns the offset of the next token, or the length of the text.
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

// missing returns the error for a missing part. At the end of the text, that
// part may still be typed.
func (p *parser) missing(at int, format string, args ...any) error {
	return &Error{Column: p.column(at), Problem: fmt.Sprintf(format, args...), begun: len(p.tokens) == 0}
}

func and(a, b term) term { return func(s subject) bool { return a(s) && b(s) } }
func or(a, b term) term  { return func(s subject) bool { return a(s) || b(s) } }
func not(a term) term    { return func(s subject) bool { return !a(s) } }
