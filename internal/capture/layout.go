package capture

import "encoding/binary"

// layout has the offsets of a frame's headers.
type layout struct {
	// network and transport are the offsets of the IP and transport headers.
	network, transport int
	six                bool
	proto              byte
	// later is true for a fragment other than the first, which has no transport
	// header.
	later bool
	// cut is true if the frame ends within the headers.
	cut bool
}

// Protocols and ethertypes that this package distinguishes.
const (
	protoHopByHop    = 0
	protoICMP        = 1
	protoTCP         = 6
	protoUDP         = 17
	protoDCCP        = 33
	protoRouting     = 43
	protoFragment    = 44
	protoICMPv6      = 58
	protoDestination = 60
	protoSCTP        = 132
	protoMobility    = 135
	protoUDPLite     = 136
	protoHIP         = 139
	protoShim6       = 140

	etherVLAN  = 0x8100
	etherQinQ1 = 0x9100
	etherQinQ  = 0x88a8
	etherMPLS  = 0x8847
	etherMPLSM = 0x8848
	etherPPPoE = 0x8864
)

// maxHeaders bounds the number of headers before IP, and of extension headers.
const maxHeaders = 8

// layoutOf finds the headers of an Ethernet frame. ok is false without IP, or
// if a header is truncated.
func layoutOf(frame []byte) (l layout, ok bool) {
	if len(frame) < headerLength {
		return layout{cut: true}, false
	}
	ethertype, at := binary.BigEndian.Uint16(frame[12:]), headerLength
	for range maxHeaders {
		next, n := linkHeader(frame[min(at, len(frame)):], ethertype)
		if n == 0 {
			break
		}
		ethertype, at = next, at+n
	}
	if ethertype != etherIPv4 && ethertype != etherIPv6 {
		return l, false
	}
	return networkLayout(frame, at, ethertype == etherIPv6)
}

// linkHeader returns the ethertype that a header between Ethernet and IP
// announces, and the header's length. The length is zero if there is no such
// header, or if it is truncated.
func linkHeader(b []byte, ethertype uint16) (next uint16, length int) {
	switch {
	case (ethertype == etherVLAN || ethertype == etherQinQ || ethertype == etherQinQ1) && len(b) >= 4:
		return binary.BigEndian.Uint16(b[2:]), 4
	case ethertype == etherPPPoE && len(b) >= 8:
		switch binary.BigEndian.Uint16(b[6:]) {
		case pppIPv4:
			return etherIPv4, 8
		case pppIPv6:
			return etherIPv6, 8
		}
	case (ethertype == etherMPLS || ethertype == etherMPLSM) && len(b) >= 5:
		switch bottom := b[2]&1 != 0; {
		case bottom && b[4]>>4 == 4:
			return etherIPv4, 4
		case bottom && b[4]>>4 == 6:
			return etherIPv6, 4
		case !bottom:
			return ethertype, 4
		}
	}
	return 0, 0
}

// networkLayout finds the headers from the IP header on.
func networkLayout(frame []byte, at int, six bool) (l layout, ok bool) {
	l = layout{network: at, six: six}
	ip := frame[min(at, len(frame)):]
	if six {
		return l.extensions(frame)
	}
	if l.cut = len(ip) < 20; l.cut || ip[0]>>4 != 4 || int(ip[0]&15)*4 < 20 {
		return l, false
	}
	l.transport, l.proto = at+int(ip[0]&15)*4, ip[9]
	l.later = binary.BigEndian.Uint16(ip[6:])&0x1fff != 0
	l.cut = l.transport > len(frame)
	return l, !l.cut
}

// extensions steps over the extension headers of IPv6 (RFC 8200 section 4).
func (l layout) extensions(frame []byte) (layout, bool) {
	ip := frame[min(l.network, len(frame)):]
	if l.cut = len(ip) < 40; l.cut || ip[0]>>4 != 6 {
		return l, false
	}
	l.proto, l.transport = ip[6], l.network+40
	for range maxHeaders {
		length := 8
		switch l.proto {
		case protoHopByHop, protoRouting, protoDestination, protoMobility, protoHIP, protoShim6:
			if len(frame) > l.transport+1 {
				length += int(frame[l.transport+1]) * 8
			}
		case protoFragment:
		default:
			return l, true
		}
		if l.cut = len(frame) < l.transport+length; l.cut {
			return l, false
		}
		if l.proto == protoFragment && binary.BigEndian.Uint16(frame[l.transport+2:])&^7 != 0 {
			l.later = true
		}
		l.proto, l.transport = frame[l.transport], l.transport+length
		if l.later {
			return l, true
		}
	}
	return l, true
}

// complete adds missing TCP options to a truncated frame if its headers lack
// nothing else. ok is false if they do. Only headers that a tracker reads
// count: protocols without ports have none, and packets without IP lack none.
func complete(frame []byte) (whole []byte, ok bool) {
	l, found := layoutOf(frame)
	switch {
	case !found:
		return frame, !l.cut
	case l.later || l.transportWhole(frame[l.transport:]):
		return frame, true
	case l.proto != protoTCP || len(frame) < l.transport+tcpHeader:
		return frame, false
	}
	end := l.transport + int(frame[l.transport+12]>>4)*4
	frame = frame[:wholeOptions(frame, l.transport+tcpHeader)]
	for len(frame) < end {
		frame = append(frame, tcpNop)
	}
	return frame, true
}

// TCP's header without options, and the options of one byte (RFC 9293 section 3.2).
const (
	tcpHeader = 20
	tcpEnd    = 0
	tcpNop    = 1
)

// wholeOptions returns the end of the last complete option.
func wholeOptions(frame []byte, at int) int {
	for at < len(frame) {
		switch kind := frame[at]; {
		case kind == tcpEnd || kind == tcpNop:
			at++
		case at+1 >= len(frame) || frame[at+1] < 2 || at+int(frame[at+1]) > len(frame):
			return at
		default:
			at += int(frame[at+1])
		}
	}
	return at
}

func (l layout) transportWhole(b []byte) bool {
	switch l.proto {
	case protoTCP:
		return len(b) >= 20 && len(b) >= int(b[12]>>4)*4
	case protoUDP, protoUDPLite:
		return len(b) >= 8
	case protoSCTP, protoDCCP:
		return len(b) >= 12
	case protoICMP, protoICMPv6:
		return len(b) >= 8 && (!l.isError(b[0]) || quoteWhole(b[8:], l.six))
	}
	return true
}

// isError reports whether an ICMP message quotes a packet (RFC 792, RFC 4443).
func (l layout) isError(kind byte) bool {
	if l.six {
		return l.proto == protoICMPv6 && kind >= 1 && kind <= 4
	}
	return l.proto == protoICMP && (kind >= 3 && kind <= 5 || kind == 11 || kind == 12)
}

// quoteWhole reports whether a quoted packet contains everything that a tracker
// reads: eight bytes of its transport header, if that has ports or an id.
func quoteWhole(quote []byte, six bool) bool {
	l, ok := networkLayout(quote, 0, six)
	if !ok || l.later {
		return ok
	}
	switch l.proto {
	case protoTCP, protoUDP, protoUDPLite, protoSCTP, protoDCCP, protoICMP, protoICMPv6:
		return len(quote) >= l.transport+8
	}
	return true
}
