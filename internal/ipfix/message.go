package ipfix

import (
	"encoding/binary"
	"time"
)

const (
	version         = 10
	headerLength    = 16
	setHeaderLength = 4
	// maxDatagram is the longest message over UDP: with its headers it fits into any
	// IPv6 packet, and so into whatever lies on the way.
	maxDatagram = 1280 - 40 - 8
	// maxStreamed is the longest message over TCP.
	maxStreamed = 16 << 10
)

// message is a message that is being made (RFC 7011 3.1).
type message struct {
	b []byte
	// set is where the last set begins, and kind its id, 0 if there is none.
	set  int
	kind uint16
	// records is the number of its data records.
	records int
}

// reset begins a message.
func (m *message) reset() {
	*m = message{b: append(m.b[:0], make([]byte, headerLength)...)}
}

// empty reports whether a message has nothing but its header.
func (m *message) empty() bool { return len(m.b) <= headerLength }

// fits reports whether a record of a set still fits into limit bytes.
func (m *message) fits(set uint16, length, limit int) bool {
	if m.kind != set {
		length += setHeaderLength
	}
	return len(m.b)+length <= limit
}

// add adds a record to a set.
func (m *message) add(set uint16, b []byte) {
	if m.kind != set {
		m.set, m.kind = len(m.b), set
		m.b = put16(put16(m.b, set), 0)
	}
	m.b = append(m.b, b...)
	binary.BigEndian.PutUint16(m.b[m.set+2:], uint16(len(m.b)-m.set))
	if set >= templateFlows {
		m.records++
	}
}

// stream is the messages of one observation domain. Each has numbers and templates of its
// own (RFC 7011 3.1).
type stream struct {
	domain uint32
	// sequence is the number of data records so far, sent or missing.
	sequence uint32
}

// finish writes the header.
func (m *message) finish(now time.Time, s *stream) []byte {
	binary.BigEndian.PutUint16(m.b[0:], version)
	binary.BigEndian.PutUint16(m.b[2:], uint16(len(m.b)))
	binary.BigEndian.PutUint32(m.b[4:], uint32(now.Unix()))
	binary.BigEndian.PutUint32(m.b[8:], s.sequence)
	binary.BigEndian.PutUint32(m.b[12:], s.domain)
	return m.b
}
