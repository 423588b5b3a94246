package jsontext

import "errors"

// deepest bounds how deep values may be inside each other.
const deepest = 300

// Reader reads a text. After the first error it returns zero values only, so that it is
// enough to look for one at the end.
type Reader struct {
	text  []byte
	at    int
	depth int
	// begun is set right after the beginning of an object or a list.
	begun bool
	err   error
}

// What can be wrong with a text, or with a value of it.
var (
	errSyntax   = errors.New("the syntax of the JSON is wrong")
	errDeep     = errors.New("too many objects are inside each other")
	errNoObject = errors.New("it is not an object")
	errNoList   = errors.New("it is not a list")
	errNoString = errors.New("it is not a string")
	errNoNumber = errors.New("it is not a number")
	errNoCount  = errors.New("it is not a whole number, or out of range")
	errNoBool   = errors.New("it is neither true nor false")
)

// Reset begins to read a text, which must not change meanwhile.
func (r *Reader) Reset(text []byte) { *r = Reader{text: text} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// End returns the first error, also that something follows what was read.
func (r *Reader) End() error {
	if r.peek(); r.at < len(r.text) {
		r.fail(errSyntax)
	}
	return r.err
}

// fail ends reading.
func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.text)
}

// peek returns the byte at which the next value or sign begins, 0 at the end.
func (r *Reader) peek() byte {
	if r.at < len(r.text) && r.text[r.at] > ' ' {
		return r.text[r.at]
	}
	return r.space()
}

// space skips what may stand between values and signs, and returns what is behind it.
func (r *Reader) space() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

// take reads a sign, and reports whether it was there.
func (r *Reader) take(sign byte) bool {
	if r.peek() != sign || r.err != nil {
		return false
	}
	r.at++
	return true
}

// Object reads the beginning of an object. [Reader.Member] reads the rest.
func (r *Reader) Object() { r.begin('{', errNoObject) }

// List reads the beginning of a list. [Reader.Element] reads the rest.
func (r *Reader) List() { r.begin('[', errNoList) }

func (r *Reader) begin(sign byte, otherwise error) {
	switch {
	case !r.take(sign):
		r.fail(otherwise)
	case r.depth == deepest:
		r.fail(errDeep)
	default:
		r.depth++
		r.begun = true
	}
}

// Member reads the name of the next member of an object, whose value is next. It returns
// false at the end.
func (r *Reader) Member() (name []byte, ok bool) {
	if name, ok = r.usual(); ok {
		return name, true
	}
	if !r.more('}') {
		return nil, false
	}
	if name = r.String(); !r.take(':') {
		r.fail(errSyntax)
	}
	return name, r.err == nil
}

// usual reads the name of a member that has no blanks around it, which is nearly each. It
// reads nothing if it has, or is the last one.
func (r *Reader) usual() (name []byte, ok bool) {
	rest := r.text[r.at:]
	begin := 2
	if r.begun {
		begin = 1
	} else if len(rest) > 0 && rest[0] != ',' {
		return nil, false
	}
	if len(rest) < begin || rest[begin-1] != '"' {
		return nil, false
	}
	end := begin + plain(rest[begin:])
	if end+1 >= len(rest) || rest[end] != '"' || rest[end+1] != ':' {
		return nil, false
	}
	r.begun = false
	r.at += end + 2
	return rest[begin:end], true
}

// Element reports whether a list has another element, which is next.
func (r *Reader) Element() bool { return r.more(']') }

// more reads what separates the values of an object or a list, or ends it.
func (r *Reader) more(end byte) bool {
	begun := r.begun
	if r.begun = false; r.take(end) {
		r.depth--
		return false
	}
	if !begun && !r.take(',') {
		r.fail(errSyntax)
	}
	return r.err == nil
}

// Skip reads a value of any type.
func (r *Reader) Skip() {
	switch c := r.peek(); c {
	case '{':
		r.Object()
		for _, ok := r.Member(); ok; _, ok = r.Member() {
			r.Skip()
		}
	case '[':
		r.List()
		for r.Element() {
			r.Skip()
		}
	case '"':
		r.String()
	case 't', 'f':
		r.Bool()
	case 'n':
		r.word("null", errSyntax)
	default:
		r.number()
	}
}

// Raw reads a value of any type, and returns its text.
func (r *Reader) Raw() []byte {
	r.peek()
	begin := r.at
	r.Skip()
	return r.text[begin:r.at]
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if r.peek() == 't' {
		r.word("true", errNoBool)
		return r.err == nil
	}
	r.word("false", errNoBool)
	return false
}

func (r *Reader) word(word string, otherwise error) {
	if end := r.at + len(word); end <= len(r.text) && string(r.text[r.at:end]) == word {
		r.at = end
		return
	}
	r.fail(otherwise)
}
