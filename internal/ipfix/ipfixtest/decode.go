// Package ipfixtest decodes IPFIX for tests, with no code of the encoder: what both
// understand in the same way is likely to be what RFC 7011 says.
package ipfixtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrCut means that a message is not whole.
var ErrCut = errors.New("a message ends early")

// ReadMessage reads a message from a stream. The error wraps [ErrCut] if only its
// beginning comes.
func ReadMessage(r io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(header[2:]))
	if n < len(header) {
		return nil, fmt.Errorf("a message has an impossible length of %d bytes", n)
	}
	message := append(header, make([]byte, n-len(header))...)
	if _, err := io.ReadFull(r, message[len(header):]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCut, err)
	}
	return message, nil
}

// Field is one field of a template.
type Field struct {
	ID         uint16
	Enterprise uint32
	Length     uint16
}

// Key names a field: its element and enterprise.
type Key struct {
	Enterprise uint32
	ID         uint16
}

// Record is a data record by field.
type Record map[Key][]byte

// Uint returns an unsigned field of IANA's registry.
func (r Record) Uint(id uint16) uint64 { return r.UintOf(0, id) }

// UintOf returns an unsigned field.
func (r Record) UintOf(enterprise uint32, id uint16) uint64 {
	var n uint64
	for _, b := range r[Key{enterprise, id}] {
		n = n<<8 | uint64(b)
	}
	return n
}

// Text returns a field as text.
func (r Record) Text(enterprise uint32, id uint16) string { return string(r[Key{enterprise, id}]) }

// Template is what a collector knows of the records of one set.
type Template struct {
	Fields []Field
	// Scopes is the number of fields that are the scope of options, 0 for flows.
	Scopes int
}

// Set is the records of one set.
type Set struct {
	ID       uint16
	Template Template
	Records  []Record
}

// Message is a decoded message.
type Message struct {
	Length           int
	Time             uint32
	Sequence, Domain uint32
	// Templates is the number of templates in it.
	Templates int
	Sets      []Set
}

// Records returns the number of data records, by which the sequence grows.
func (m *Message) Records() (n uint32) {
	for _, s := range m.Sets {
		n += uint32(len(s.Records))
	}
	return n
}

// Flows returns the records of flows.
func (m *Message) Flows() (all []Record) {
	for _, s := range m.Sets {
		if s.Template.Scopes == 0 {
			all = append(all, s.Records...)
		}
	}
	return all
}

// Decoder decodes the messages of one session.
type Decoder struct{ templates map[scope]Template }

// scope is where a template holds: in the messages of an observation domain.
type scope struct {
	domain uint32
	id     uint16
}

var errShort = errors.New("it ends early")

// reader reads fields one after the other. It fails once.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.err, r.b = errShort, nil
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

// Decode decodes one message.
func (d *Decoder) Decode(b []byte) (*Message, error) {
	r := reader{b: b}
	if v := r.u16(); v != 10 {
		return nil, fmt.Errorf("version %d", v)
	}
	m := &Message{Length: int(r.u16())}
	if m.Length != len(b) {
		return nil, fmt.Errorf("the length is %d, not %d", len(b), m.Length)
	}
	m.Time, m.Sequence, m.Domain = r.u32(), r.u32(), r.u32()
	for len(r.b) > 0 {
		id, length := r.u16(), int(r.u16())
		if length < 4 {
			return nil, fmt.Errorf("a set of %d bytes", length)
		}
		set := reader{b: r.take(length - 4)}
		if r.err != nil {
			return nil, r.err
		}
		if err := d.set(m, id, &set); err != nil {
			return nil, fmt.Errorf("set %d: %w", id, err)
		}
	}
	return m, r.err
}

func (d *Decoder) set(m *Message, id uint16, r *reader) error {
	switch {
	case id == 2 || id == 3:
		for len(r.b) >= 4 {
			d.template(r, m.Domain, id == 3)
			m.Templates++
		}
		return r.err
	case id < 256:
		return errors.New("it is reserved")
	}
	t, ok := d.templates[scope{m.Domain, id}]
	if !ok {
		return errors.New("its template is not known")
	}
	set := Set{ID: id, Template: t}
	for len(r.b) > 0 && r.err == nil {
		set.Records = append(set.Records, decodeRecord(t, r))
	}
	m.Sets = append(m.Sets, set)
	return r.err
}

func (d *Decoder) template(r *reader, domain uint32, options bool) {
	id, n := r.u16(), int(r.u16())
	var t Template
	if options {
		t.Scopes = int(r.u16())
	}
	for range n {
		f := Field{ID: r.u16(), Length: r.u16()}
		if f.ID&0x8000 != 0 {
			f.ID &^= 0x8000
			f.Enterprise = r.u32()
		}
		t.Fields = append(t.Fields, f)
	}
	if d.templates == nil {
		d.templates = map[scope]Template{}
	}
	d.templates[scope{domain, id}] = t
}

func decodeRecord(t Template, r *reader) Record {
	record := Record{}
	for _, f := range t.Fields {
		n := int(f.Length)
		if f.Length == 0xffff {
			if n = int(r.take(1)[0]); n == 255 {
				n = int(r.u16())
			}
		}
		record[Key{f.Enterprise, f.ID}] = r.take(n)
	}
	return record
}
