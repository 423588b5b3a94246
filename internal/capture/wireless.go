package capture

import (
	"bytes"
	"encoding/binary"
)

// appendRadiotap reads an IEEE 802.11 frame with a radiotap header
// (radiotap.org): its length, a bitmap of its fields, and the fields.
func appendRadiotap(b, data []byte) []byte {
	if len(data) < 8 {
		return b
	}
	length := int(binary.LittleEndian.Uint16(data[2:]))
	if length < 8 || length > len(data) {
		return b
	}
	flags := radiotapFlags(data[:length])
	frame := data[length:]
	if flags&radiotapBadFCS != 0 {
		return b
	}
	if flags&radiotapFCS != 0 && len(frame) >= 4 {
		frame = frame[:len(frame)-4]
	}
	return appendWireless(b, frame)
}

// Bits of a radiotap header: the fields that it has, and its flags.
const (
	radiotapHasTime  = 1 << 0
	radiotapHasFlags = 1 << 1
	radiotapMore     = 1 << 31
	radiotapFCS      = 0x10
	radiotapBadFCS   = 0x40
)

// radiotapFlags returns the flags of a header, 0 if it has none. Only a time of
// eight bytes can precede them.
func radiotapFlags(header []byte) byte {
	present := binary.LittleEndian.Uint32(header[4:])
	offset := 8
	for more := present; more&radiotapMore != 0 && offset+4 <= len(header); offset += 4 {
		more = binary.LittleEndian.Uint32(header[offset:])
	}
	if present&radiotapHasFlags == 0 {
		return 0
	}
	if present&radiotapHasTime != 0 {
		offset = (offset+7)&^7 + 8
	}
	if offset >= len(header) {
		return 0
	}
	return header[offset]
}

// Fields of an IEEE 802.11 frame's first two bytes.
const (
	wirelessTypeMask  = 0x0c
	wirelessData      = 0x08
	wirelessQoS       = 0x80
	wirelessNoData    = 0x40
	wirelessToDS      = 0x01
	wirelessFromDS    = 0x02
	wirelessMore      = 0x04
	wirelessProtected = 0x40
	wirelessOrder     = 0x80
)

// aggregated is the bit of the QoS field that marks a frame with several
// packets.
const aggregated = 0x80

// snap is the LLC and SNAP header, which an ethertype follows (RFC 1042).
var snap = []byte{0xaa, 0xaa, 0x03, 0, 0, 0}

// appendWireless reads an IEEE 802.11 data frame (section 9.3.2). It skips
// encrypted, fragmented and aggregated frames.
func appendWireless(b, frame []byte) []byte {
	if len(frame) < 24 {
		return b
	}
	kind, flags := frame[0], frame[1]
	if kind&wirelessTypeMask != wirelessData || kind&wirelessNoData != 0 || flags&(wirelessProtected|wirelessMore) != 0 ||
		binary.LittleEndian.Uint16(frame[22:])&0xf != 0 {
		return b
	}
	to, from, length := frame[4:10], frame[10:16], 24
	switch flags & (wirelessToDS | wirelessFromDS) {
	case wirelessToDS:
		to = frame[16:22]
	case wirelessFromDS:
		from = frame[16:22]
	case wirelessToDS | wirelessFromDS:
		to, length = frame[16:22], 30
		if len(frame) < length {
			return b
		}
		from = frame[24:30]
	}
	if kind&wirelessQoS != 0 {
		if len(frame) < length+2 || frame[length]&aggregated != 0 {
			return b
		}
		length += 2
		if flags&wirelessOrder != 0 {
			length += 4
		}
	}
	if len(frame) < length+8 || !bytes.Equal(frame[length:length+6], snap) {
		return b
	}
	b = append(append(b, to...), from...)
	return append(b, frame[length+6:]...)
}
