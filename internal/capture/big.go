package capture

import "encoding/binary"

const (
	// maxPacket is the longest packet that IP's length field allows.
	maxPacket = 65535
	// maxBig is the longest packet that Linux passes to an interface
	// (GSO_MAX_SIZE of linux/netdevice.h), with room for headers.
	maxBig = 8*maxPacket + 256
	// pieceLength is the payload of one piece of a big packet.
	pieceLength = 60000
)

// big is a TCP packet that is longer than IP's length field allows (BIG TCP).
// An interface takes it whole and segments it. No frame may be that long, so it
// is read in pieces, with the sequence numbers of segments.
type big struct {
	layout

	head, payload []byte
	seq           uint32
	flags         byte
	sent          int
	piece         []byte
}

// newBig parses such a frame: its IP length is zero. Over IPv6 it may have a
// jumbo payload option in a hop-by-hop header (RFC 2675), which newBig removes.
// ok is false for any other frame.
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

// isBig reports whether a truncated frame has an IP length of zero, and so is
// longer than IP's length field allows.
func isBig(frame []byte) bool {
	l, ok := layoutOf(frame)
	return ok && l.proto == protoTCP && !l.later && binary.BigEndian.Uint16(frame[l.lengthAt():]) == 0
}

// fillLength sets the IP length of a TCP packet that was captured before a card of Windows
// segmented it: it is zero there. The tracker's programs would see the frame's first buffer only.
func fillLength(frame []byte) {
	l, ok := layoutOf(frame)
	if !ok || l.proto != protoTCP || l.later || len(frame) > l.network+maxPacket {
		return
	}
	length := len(frame) - l.network
	if l.six {
		length -= 40
	}
	if at := frame[l.lengthAt():]; binary.BigEndian.Uint16(at) == 0 {
		binary.BigEndian.PutUint16(at, uint16(length))
	}
}

// lengthAt returns the offset of the packet's length in the IP header.
func (l layout) lengthAt() int {
	if l.six {
		return l.network + 4
	}
	return l.network + 2
}

// TCP flags that only one of several segments has: the last, or the first.
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
