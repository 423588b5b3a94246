package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxObject bounds the length of one flow, and of a document without its flows.
const maxObject = 1 << 20

var errTruncated = errors.New("it ends in the middle of an object")

// objects splits a stream of JSON objects. The elements of a member "flows" of such
// an object are reported one by one, so that a document of millions of flows is never
// held as a whole. It does not check the syntax of the objects: whoever decodes them
// does.
type objects struct {
	// element is called for each element of "flows", and object for each object
	// with "flows" empty. They must not keep the bytes.
	element, object func(text []byte) error
	// line is called first for an element, or an object, that seems to be all of a line
	// of the file, as our own programs write them. It reports whether it was one: then
	// its brackets and strings need not be looked at.
	line func(text []byte, element bool) bool

	depth    int
	inString bool
	escaped  bool
	// key is the last string at depth 1, as far as it matters.
	key []byte
	// inFlows is set inside the array, hadFlows if the object had it.
	inFlows, hadFlows bool
	// head and flow hold the part of an object or an element from earlier chunks.
	head, flow []byte
}

// The depths of brackets.
const (
	topDepth   = 1 // inside an object
	arrayDepth = 2 // inside its array "flows"
)

// chunkSize is how much is read at a time, in bytes. Small documents, as those of a fleet,
// come a thousand a second: they share chunks.
const chunkSize = 1 << 18

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// read reads everything.
func (o *objects) read(in io.Reader) error {
	borrowed := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(borrowed)
	chunk := borrowed[:]
	for {
		n, err := in.Read(chunk)
		if err := o.split(chunk[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if o.depth > 0 || o.inString {
		return errTruncated
	}
	return nil
}

// split reads one chunk.
func (o *objects) split(chunk []byte) error {
	start := 0 // of what has not been kept or reported
	for i := 0; i < len(chunk); i++ {
		c := chunk[i]
		if o.inString {
			o.readString(c)
			continue
		}
		var err error
		switch c {
		case '"':
			err = o.beginString()
		case '{':
			if n := o.whole(chunk[i:]); n > 0 {
				i += n - 1
				start = i + 1
				continue
			}
			start, err = o.open(chunk, start, i)
		case '[':
			start, err = o.open(chunk, start, i)
		case '}', ']':
			start, err = o.close(chunk, start, i)
		default:
			if o.depth == 0 && c > ' ' {
				err = fmt.Errorf("%w: %q stands outside of an object", ErrNotOurs, c)
			}
		}
		if err != nil {
			return err
		}
	}
	return o.keep(chunk[start:])
}

func (o *objects) beginString() error {
	switch o.inString = true; o.depth {
	case 0:
		return fmt.Errorf("%w: a string stands outside of an object", ErrNotOurs)
	case topDepth:
		o.key = o.key[:0]
	}
	return nil
}

func (o *objects) readString(c byte) {
	switch {
	case o.escaped:
		o.escaped = false
	case c == '\\':
		o.escaped = true
	case c == '"':
		o.inString = false
		return
	}
	if o.depth == topDepth && len(o.key) <= len(flowsKey) {
		o.key = append(o.key, c)
	}
}

const flowsKey = "flows"

// longLine is how long lines with a flow may be, so that long ones are not searched for
// their end again and again.
const longLine = 1 << 12

// whole returns the length of an element, or an object, that is all of a line and has been
// reported, and else 0.
func (o *objects) whole(chunk []byte) int {
	element := o.inFlows && o.depth == arrayDepth
	if !element && o.depth > 0 {
		return 0
	}
	n := bytes.IndexByte(chunk[:min(len(chunk), longLine)], '\n')
	if n < 0 {
		return 0
	}
	text := bytes.TrimSuffix(chunk[:n], []byte(","))
	if !bytes.HasSuffix(text, []byte("}")) || !o.line(text, element) {
		return 0
	}
	return len(text)
}

// open reads an opening bracket, and returns where that which has to be kept begins.
func (o *objects) open(chunk []byte, start, i int) (int, error) {
	o.depth++
	switch {
	case o.depth == topDepth:
		if chunk[i] != '{' {
			return 0, fmt.Errorf("%w: it begins with %q", ErrNotOurs, chunk[i])
		}
		return i, nil
	case o.depth == arrayDepth && chunk[i] == '[' && string(o.key) == flowsKey:
		o.inFlows, o.hadFlows = true, true
		return i + 1, o.keepHead(chunk[start : i+1])
	case o.depth == arrayDepth+1 && o.inFlows:
		return i, nil
	}
	return start, nil
}

// close reads a closing bracket.
func (o *objects) close(chunk []byte, start, i int) (int, error) {
	o.depth--
	switch {
	case o.depth < 0:
		return 0, fmt.Errorf("%w: a bracket too many", ErrNotOurs)
	case o.depth == arrayDepth && o.inFlows:
		text := o.joined(&o.flow, chunk[start:i+1])
		return i + 1, o.element(text)
	case o.depth == topDepth && o.inFlows:
		o.inFlows = false
		return i, nil
	case o.depth == 0:
		text := o.joined(&o.head, chunk[start:i+1])
		err := o.object(text)
		o.hadFlows = false
		return i + 1, err
	}
	return start, nil
}

// joined returns an object whose beginning was kept.
func (o *objects) joined(kept *[]byte, rest []byte) []byte {
	if len(*kept) == 0 {
		return rest
	}
	text := append(*kept, rest...)
	*kept = text[:0]
	return text
}

// keep keeps the end of a chunk.
func (o *objects) keep(rest []byte) error {
	switch {
	case o.inFlows && o.depth > arrayDepth:
		if o.flow = append(o.flow, rest...); len(o.flow) > maxObject {
			return errTooLong
		}
	case o.depth > 0 && !o.inFlows:
		return o.keepHead(rest)
	}
	return nil
}

func (o *objects) keepHead(rest []byte) error {
	if o.head = append(o.head, rest...); len(o.head) > maxObject {
		return errTooLong
	}
	return nil
}
