package capture

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
)

// maxSides bounds the addresses that are remembered.
const maxSides = 1 << 16

// sides learns, as a bridge does, by which side an address sends. The first
// sender stands on side 0.
type sides map[string]int

// side returns the interface of a packet where the capture has several, and
// what the packet's addresses tell where it has one.
func (r *Reader) side(info gopacket.CaptureInfo, link int) int {
	if r.ng != nil && r.ng.NInterfaces() > 1 {
		return min(info.InterfaceIndex, 1)
	}
	from, to := addresses(r.frame, link == linkEthernet)
	if from == nil {
		return 0
	}
	return r.sides.of(from, to)
}

func (s sides) of(from, to []byte) int {
	side, known := s[string(from)]
	if other, found := s[string(to)]; !known && found {
		side = 1 - other
	}
	if len(s) < maxSides {
		s[string(from)] = side
		if _, found := s[string(to)]; !found && to != nil {
			s[string(to)] = 1 - side
		}
	}
	return side
}

// addresses returns a frame's source and destination: those of Ethernet, or of
// IP where that is all there is. A group has no side: its address is nil.
func addresses(frame []byte, ethernet bool) (from, to []byte) {
	if len(frame) < headerLength {
		return nil, nil
	}
	if ethernet {
		if frame[0]&1 == 0 {
			to = frame[:6]
		}
		return frame[6:12], to
	}
	offset, size := 12, 4
	if binary.BigEndian.Uint16(frame[12:]) == etherIPv6 {
		offset, size = 8, 16
	}
	ip := frame[headerLength:]
	if len(ip) < offset+2*size {
		return nil, nil
	}
	return ip[offset : offset+size], ip[offset+size : offset+2*size]
}
