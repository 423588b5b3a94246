package capture

import "encoding/binary"

// maxSides bounds the addresses that are remembered.
const maxSides = 1 << 16

// sides learns, as a bridge does, by which side an address sends. The first
// sender stands on side 0.
type sides map[string]int

// side returns the interface of a packet where the capture has several that can
// be read, and what the packet's addresses tell where it has one. An interface
// tells sides as long as nobody sends by it to whom it sends, too: those of a host
// show what goes out as well.
func (r *Reader) side(p *record) (side int, known bool) {
	from, to := addresses(r.frame, hasAddresses(p.link))
	if r.ng != nil {
		if side, several := r.ng.side(p.iface); several {
			if from != nil && !r.bothWays {
				r.bothWays = r.senders.both(side, from, to)
			}
			return side, !r.bothWays
		}
	}
	if from == nil {
		return 0, false
	}
	return r.sides.of(from, to), false
}

// senders are the addresses that were seen to send, by the side of the interface.
type senders [2]map[string]bool

// both notes a sender, and reports whether it sends to another one of its side.
func (s *senders) both(side int, from, to []byte) bool {
	if s[side] == nil {
		s[side] = map[string]bool{}
	}
	if len(s[side]) < maxSides {
		s[side][string(from)] = true
	}
	return to != nil && s[side][string(to)]
}

// side returns 0 for the first interface that can be read and 1 for the others,
// and whether there are others.
func (p *pcapngFile) side(iface int) (side int, several bool) {
	if iface > p.leader {
		side = 1
	}
	return side, p.usable > 1
}

// hasAddresses reports whether frames of a link type have addresses of their own.
func hasAddresses(link int) bool {
	return link == linkEthernet || link == linkWireless || link == linkRadiotap
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
