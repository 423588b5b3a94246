package capture

import "encoding/binary"

const (
	// maxPacket is the longest packet that IP's own fields can tell.
	maxPacket = 65535
	// maxBig is the longest that Linux hands to an interface which takes more
	// (GSO_MAX_SIZE of linux/netdevice.h), with room for headers.
	maxBig = 8*maxPacket + 256
	// pieceLength is how much of its payload a piece of such a packet has.
	pieceLength = 60000
)

// big is a TCP packet that is longer than IP can tell (BIG TCP): an interface
// takes it whole and makes segments of it. It is read in pieces, as no frame may
// be that long; they have the numbers that its segments would have.
type big struct {
	layout

	head, payload []byte
	seq           uint32
	flags         byte
	sent          int
	piece         []byte
}

// newBig reads a frame of that kind: its IP length is zero, and over IPv6 there
// may be a jumbo payload option in a hop-by-hop header (RFC 2675), which is taken
// out. Not ok if the frame is none.
func newBig(frame []byte) (b big, ok bool) {
	l, ok := layoutOf(frame)
	if !ok || l.proto != protoTCP || len(frame) <= l.network+maxPacket || !l.transportWhole(frame[l.transport:]) {
		return b, false
	}
	header := int(frame[l.transport+12]>>4) * 4
	if header < 20 {
		return b, false
	}
	b = big{layout: l, payload: frame[l.transport+header:]}
	network := 20
	if l.six {
		network = 40
	}
	at := l.network + network
	switch {
	case binary.BigEndian.Uint16(frame[l.lengthAt():]) != 0:
		return b, false
	case l.six && frame[l.network+6] == protoHopByHop:
		b.head = append(b.head, frame[:at]...)
		b.head[l.network+6] = frame[at]
		at += 8 + int(frame[at+1])*8
	default:
		b.head = append(b.head, frame[:at]...)
	}
	b.transport -= at - len(b.head)
	b.head = append(b.head, frame[at:l.transport+header]...)
	b.seq, b.flags = binary.BigEndian.Uint32(frame[l.transport+4:]), frame[l.transport+13]
	return b, true
}

// isBig reports whether a frame, of which not all is there, says by an IP length of
// zero that it is longer than that can tell.
func isBig(frame []byte) bool {
	l, ok := layoutOf(frame)
	return ok && l.proto == protoTCP && !l.later && binary.BigEndian.Uint16(frame[l.lengthAt():]) == 0
}

// lengthAt is where the IP header has the packet's length.
func (l layout) lengthAt() int {
	if l.six {
		return l.network + 4
	}
	return l.network + 2
}

// TCP flags that only one of several segments has: the last one, or the first.
const (
	flagsOfLast  = 0x01 | 0x08 // FIN, PSH
	flagsOfFirst = 0x80        // CWR
)

// next returns the next piece as a frame, nil if there is none.
func (b *big) next() []byte {
	if b.sent >= len(b.payload) {
		return nil
	}
	n := min(pieceLength, len(b.payload)-b.sent)
	b.piece = append(append(b.piece[:0], b.head...), b.payload[b.sent:b.sent+n]...)
	length := len(b.piece) - b.network
	if b.six {
		length -= 40
	}
	binary.BigEndian.PutUint16(b.piece[b.lengthAt():], uint16(length))
	binary.BigEndian.PutUint32(b.piece[b.transport+4:], b.seq+uint32(b.sent))
	flags := b.flags
	if b.sent > 0 {
		flags &^= flagsOfFirst
	}
	if b.sent+n < len(b.payload) {
		flags &^= flagsOfLast
	}
	b.piece[b.transport+13] = flags
	b.sent += n
	return b.piece
}
