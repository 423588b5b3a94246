package frame

import (
	"encoding/binary"
	"slices"
)

// Fragments splits an IP packet without options or extension headers into
// fragments of at most mtu bytes (RFC 791 section 3.2, RFC 8200 section 4.5).
// It returns the packet itself if that fits or mtu is 0. id is the
// identification of the packet.
func Fragments(packet []byte, mtu int, id uint16) [][]byte {
	if mtu == 0 || len(packet) <= mtu {
		return [][]byte{packet}
	}
	header, head := 20, 20
	if packet[0]>>4 == 6 {
		header, head = 40, 48
	}
	size := max((mtu-head)&^7, 8)
	var cut [][]byte
	for rest, offset := packet[header:], 0; len(rest) > 0; offset += size {
		n := min(size, len(rest))
		cut = append(cut, fragment(packet[:header], rest[:n], offset, n < len(rest), id))
		rest = rest[n:]
	}
	return cut
}

func fragment(header, payload []byte, offset int, more bool, id uint16) []byte {
	be := binary.BigEndian
	p := slices.Clone(header)
	if header[0]>>4 == 6 {
		be.PutUint16(p[4:], uint16(8+len(payload)))
		bits := uint16(offset)
		if more {
			bits |= 1
		}
		p = append(p, p[6], 0)
		p = be.AppendUint16(p, bits)
		p = be.AppendUint32(p, 1<<16|uint32(id))
		p[6] = ProtoFragment
		return append(p, payload...)
	}
	bits := uint16(offset / 8)
	if more {
		bits |= MoreFragments
	}
	be.PutUint16(p[2:], uint16(len(header)+len(payload)))
	be.PutUint16(p[4:], id)
	be.PutUint16(p[6:], bits)
	be.PutUint16(p[10:], 0)
	be.PutUint16(p[10:], ^Fold(Sum(p)))
	return append(p, payload...)
}
