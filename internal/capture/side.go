package capture

import "encoding/binary"

// maxSides bounds the number of remembered addresses.
const maxSides = 1 << 16

// sides learns the side of each sending address, as a bridge does. The first
// sender is on side 0.
type sides map[string]int

// side returns the side of a packet. In a capture of several readable
// interfaces it is the interface; otherwise the packet's addresses decide. An
// interface shows sides until somebody sends on it both to and from the same
// address: a host's interface shows outgoing packets, too.
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

// senders are the addresses that have sent, by the side of the interface.
type senders [2]map[string]bool

// both records a sender, and reports whether it sends to an address that has
// sent on the same side.
func (s *senders) both(side int, from, to []byte) bool {
	if s[side] == nil {
		s[side] = map[string]bool{}
	}
	if len(s[side]) < maxSides {
		s[side][string(from)] = true
	}
	return to != nil && s[side][string(to)]
}

// side returns 0 for the first readable interface and 1 for the others, and
// whether there are others.
func (p *pcapngFile) side(iface int) (side int, several bool) {
	if iface > p.leader {
		side = 1
	}
	return side, p.usable > 1
}

// hasAddresses reports whether frames of a link type have link addresses.
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

// addresses returns a frame's source and destination: Ethernet addresses, or IP
// addresses without a link header. A group has no side, so its address is nil.
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
