package output

import (
	"slices"
	"strings"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// members write the members of a JSON object, some of them in objects of their own.
// They are made once from the registry of fields; writing a flow neither allocates
// nor reflects.
type members []member

// member is one step. What every flow needs lies on one cache line.
type member struct {
	step   step
	always bool
	key    literal
	number func(f *flow.Flow) (n field.Number, known bool)
	word   func(b []byte, f *flow.Flow) []byte
	field  *field.Field
}

// step is what a member does.
type step uint8

// The steps.
const (
	// A number, by its kind.
	stepCount step = iota
	stepSpan
	stepRate
	// A word that every flow has.
	stepWord
	// A word, a text or a flag that a flow may not have.
	stepOptional
	// The beginning and the end of an inner object.
	stepOpen
	stepClose
)

// newMembers returns the members for fields, each with a comma before it. Those of
// one inner object stand together.
func newMembers(fields []*field.Field) members {
	var list members
	for i, f := range fields {
		object, name, inner := strings.Cut(f.JSON, ".")
		if !inner {
			object, name = "", f.JSON
		}
		comma := ","
		if inner && (i == 0 || !f.Beside(fields[i-1])) {
			list = append(list, member{step: stepOpen, key: newLiteral(`,"` + object + `":{`)})
			if f.Always {
				comma = ""
			}
		}
		list = append(list, newMember(f, comma+`"`+name+`":`))
		if inner && (i+1 == len(fields) || !f.Beside(fields[i+1])) {
			list = append(list, member{step: stepClose})
		}
	}
	return list
}

func newMember(f *field.Field, key string) member {
	m := member{always: f.Always, number: f.Number, word: f.Append, field: f}
	switch {
	case f.Kind == field.Word && f.Always:
		m.step = stepWord
		key += `"`
	case f.Kind == field.Count:
		m.step = stepCount
	case f.Kind == field.Span:
		m.step = stepSpan
	case f.Kind == field.Rate:
		m.step = stepRate
	default:
		m.step = stepOptional
	}
	m.key = newLiteral(key)
	return m
}

// flat returns the members with those of one inner object in the outer one. A text that
// is not known is left out: events of older recordings have none.
func (list members) flat(object string) members {
	var flat members
	within := false
	for _, m := range list {
		switch {
		case m.step == stepOpen && m.key.String() == `,"`+object+`":{`:
			within = true
		case within && m.step == stepClose:
			within = false
		case m.field == nil:
			flat = append(flat, m)
		default:
			if within {
				m.key = newLiteral("," + strings.TrimPrefix(m.key.String(), ","))
			}
			m.always = m.always && m.field.Kind != field.Text
			flat = append(flat, m)
		}
	}
	return flat
}

// programs has the members for flows of each protocol.
type programs [256]members

// newPrograms leaves out the members that no flow of a protocol can have.
func newPrograms(fields []*field.Field) *programs {
	p := new(programs)
	known := map[string]members{}
	for protocol := range p {
		have := slices.DeleteFunc(slices.Clone(fields), func(f *field.Field) bool {
			return f.Of != nil && !f.Of(flow.Protocol(protocol))
		})
		names := newRecords(have).header()
		if known[names] == nil {
			known[names] = newMembers(have)
		}
		p[protocol] = known[names]
	}
	return p
}

// append appends the members that a flow has.
func (list members) append(b []byte, f *flow.Flow, names *field.Names) []byte {
	outer, inner := 0, 0
	for i := range list {
		m := &list[i]
		switch m.step {
		case stepCount:
			if n, known := m.number(f); known || m.always {
				b = format.AppendUint(m.key.append(b), uint64(n))
			}
		case stepSpan:
			if n, known := m.number(f); known || m.always {
				b = format.AppendSeconds(m.key.append(b), n.Span())
			}
		case stepRate:
			if n, known := m.number(f); known || m.always {
				b = format.AppendRate(m.key.append(b), n.Rate())
			}
		case stepWord:
			b = append(m.word(m.key.append(b), f), '"')
		case stepOpen:
			outer = len(b)
			b = m.key.append(b)
			inner = len(b)
		case stepClose:
			b = closed(b, outer, inner)
		default:
			b = m.appendOptional(b, f, names)
		}
	}
	return b
}

// closed ends an inner object. One without members goes, and so does the comma of the
// first member.
func closed(b []byte, outer, inner int) []byte {
	if len(b) == inner {
		return b[:outer]
	}
	if b[inner] == ',' {
		b = slices.Delete(b, inner, inner+1)
	}
	return append(b, '}')
}

func (m *member) appendOptional(b []byte, f *flow.Flow, names *field.Names) []byte {
	switch {
	case !m.field.Has(f):
		return b
	case m.field.Kind == field.Word:
		b = append(m.key.append(b), '"')
		return append(m.word(b, f), '"')
	case m.field.Kind == field.Flag:
		return append(m.key.append(b), "true"...)
	}
	text := m.field.Text(f, names)
	if text == "" && !m.always {
		return b
	}
	if m.field.Digits {
		return append(m.key.append(b), text...)
	}
	return appendQuoted(m.key.append(b), text)
}

// literalSize is the length of the longest literal.
const literalSize = 24

// literal is a short text. All of its bytes are copied whatever its length, which is
// faster than copying a length that the compiler does not know.
type literal struct {
	text [literalSize]byte
	n    int
}

func newLiteral(text string) (l literal) {
	if l.n = copy(l.text[:], text); l.n < len(text) {
		panic("the name of a field is too long: " + text)
	}
	return l
}

// String returns the text.
func (l *literal) String() string { return string(l.text[:l.n]) }

func (l *literal) append(b []byte) []byte {
	n := len(b)
	if cap(b)-n < literalSize {
		b = grown(b)
	}
	*(*[literalSize]byte)(b[n : n+literalSize]) = l.text
	return b[:n+l.n]
}

// grown makes room for a row.
func grown(b []byte) []byte { return slices.Grow(b, 1024) }
