package frame

import "encoding/binary"

// Segment is a TCP segment.
type Segment struct {
	Flags        uint8
	Seq, Ack     uint32
	Window       uint16
	Options      []byte
	Payload      int
	Sport, Dport uint16
}

// Bytes returns the segment without a checksum. Options are padded to a
// multiple of four bytes.
func (s Segment) Bytes() []byte {
	b := make([]byte, 20, 60+s.Payload)
	b = append(b, s.Options...)
	for len(b)%4 != 0 {
		b = append(b, 1)
	}
	binary.BigEndian.PutUint16(b, s.Sport)
	binary.BigEndian.PutUint16(b[2:], s.Dport)
	binary.BigEndian.PutUint32(b[4:], s.Seq)
	binary.BigEndian.PutUint32(b[8:], s.Ack)
	b[12] = uint8(len(b) / 4 << 4)
	b[13] = s.Flags
	binary.BigEndian.PutUint16(b[14:], s.Window)
	return append(b, Payload(s.Payload)...)
}

// Datagram returns a UDP datagram.
func Datagram(sport, dport uint16, size int) []byte {
	b := make([]byte, 8, 8+size)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint16(b[4:], uint16(8+size))
	return append(b, Payload(size)...)
}

// PortsFirst returns size bytes that start with two ports, as in SCTP and DCCP.
func PortsFirst(sport, dport uint16, size int) []byte {
	b := Payload(size)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	return b
}

// ICMP returns an ICMP or ICMPv6 message with an ID.
func ICMP(kind, code uint8, id uint16, size int) []byte {
	b := make([]byte, 8, 8+size)
	b[0], b[1] = kind, code
	binary.BigEndian.PutUint16(b[4:], id)
	return append(b, Payload(size)...)
}

// Payload returns size bytes whose sum is not zero in any part.
func Payload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = uint8(i*7 + i>>8 + 1)
	}
	return b
}
