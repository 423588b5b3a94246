package capture

import "encoding/binary"

// The supported link types, as registered at tcpdump.org/linktypes.html.
const (
	linkNull      = 0
	linkEthernet  = 1
	linkPPP       = 9
	linkRawBSD    = 12
	linkRawOther  = 14
	linkPPPHDLC   = 50
	linkPPPoE     = 51
	linkRaw       = 101
	linkCiscoHDLC = 104
	linkWireless  = 105
	linkLoop      = 108
	linkSLL       = 113
	linkRadiotap  = 127
	linkPPPWithD  = 204
	linkIPv4      = 228
	linkIPv6      = 229
	linkNflog     = 239
	linkSLL2      = 276
)

const (
	headerLength = 14
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
)

// links has a function for each supported link type. The function appends a
// packet to b as an Ethernet frame. It returns b unchanged if the packet
// carries nothing for Ethernet.
var links = map[int]func(b []byte, r *record) []byte{
	linkEthernet:  func(b []byte, r *record) []byte { return append(b, r.data...) },
	linkRaw:       appendRaw,
	linkRawBSD:    appendRaw,
	linkRawOther:  appendRaw,
	linkIPv4:      appendRaw,
	linkIPv6:      appendRaw,
	linkNull:      appendLoopback,
	linkLoop:      appendLoopback,
	linkSLL:       func(b []byte, r *record) []byte { return appendAfter(b, r.data, 16, 14) },
	linkSLL2:      func(b []byte, r *record) []byte { return appendAfter(b, r.data, 20, 0) },
	linkCiscoHDLC: func(b []byte, r *record) []byte { return appendAfter(b, r.data, 4, 2) },
	linkPPP:       func(b []byte, r *record) []byte { return appendPPP(b, r.data) },
	linkPPPHDLC:   func(b []byte, r *record) []byte { return appendPPP(b, r.data) },
	linkPPPWithD:  func(b []byte, r *record) []byte { return appendPPP(b, r.data[min(1, len(r.data)):]) },
	linkPPPoE:     func(b []byte, r *record) []byte { return appendPPP(b, r.data[min(6, len(r.data)):]) },
	linkWireless:  func(b []byte, r *record) []byte { return appendWireless(b, r.data) },
	linkRadiotap:  func(b []byte, r *record) []byte { return appendRadiotap(b, r.data) },
	linkNflog:     appendNflog,
}

// readable reports whether a link type is supported.
func readable(link int) bool { return links[link] != nil }

func appendRaw(b []byte, r *record) []byte { return appendIP(b, r.data) }

// appendLoopback skips the address family, whose numbers differ between
// systems.
func appendLoopback(b []byte, r *record) []byte { return appendIP(b, r.data[min(4, len(r.data)):]) }

// appendIP adds an Ethernet header without addresses before an IP packet.
func appendIP(b, packet []byte) []byte {
	if len(packet) == 0 {
		return b
	}
	switch packet[0] >> 4 {
	case 4:
		return append(appendHeader(b, etherIPv4), packet...)
	case 6:
		return append(appendHeader(b, etherIPv6), packet...)
	}
	return b
}

func appendHeader(b []byte, ethertype uint16) []byte {
	b = append(b, make([]byte, headerLength-2)...)
	return binary.BigEndian.AppendUint16(b, ethertype)
}

// appendAfter replaces a link header of the given length, with its ethertype at
// an offset, by an Ethernet header.
func appendAfter(b, data []byte, length, ethertype int) []byte {
	if len(data) < length {
		return b
	}
	b = appendHeader(b, binary.BigEndian.Uint16(data[ethertype:]))
	return append(b, data[length:]...)
}

// The supported protocols of PPP (IANA, PPP Numbers).
const (
	pppIPv4 = 0x0021
	pppIPv6 = 0x0057
)

// appendPPP reads a PPP frame (RFC 1661, RFC 1662). Address and control may be
// omitted, and so may a first protocol byte of zero.
func appendPPP(b, data []byte) []byte {
	if len(data) >= 2 && data[0] == 0xff && data[1] == 0x03 {
		data = data[2:]
	}
	if len(data) < 2 {
		return b
	}
	protocol, length := binary.BigEndian.Uint16(data), 2
	if data[0]&1 != 0 {
		protocol, length = uint16(data[0]), 1
	}
	if protocol != pppIPv4 && protocol != pppIPv6 {
		return b
	}
	return appendIP(b, data[length:])
}

// nflogPayload is the attribute of an NFLOG packet that contains the packet
// itself (NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h).
const nflogPayload = 9

// appendNflog reads a packet of netfilter's NFLOG target: a header of four
// bytes, then attributes, aligned to four bytes, in the byte order of the
// writing machine.
func appendNflog(b []byte, r *record) []byte {
	for rest := r.data[min(4, len(r.data)):]; len(rest) >= 4; {
		size, kind := int(r.order.Uint16(rest)), r.order.Uint16(rest[2:])&0x7fff
		if size < 4 || size > len(rest) {
			return b
		}
		if kind == nflogPayload {
			return appendIP(b, rest[4:size])
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return b
}

// maxLength is the longest plausible packet, unless the packet itself says that
// it is longer: the longest IP packet, with room for a link header.
const maxLength = maxPacket + 64

// restore pads a truncated frame with zeros to its original length. A tracker
// does not read past the headers, and without padding the frame would have a
// wrong length. ok is false if a header is missing.
func restore(frame []byte, missing int) (whole []byte, ok bool) {
	if missing <= 0 {
		return frame, true
	}
	captured := len(frame)
	if frame, ok = complete(frame); !ok {
		return frame, false
	}
	missing -= len(frame) - captured
	if l, found := layoutOf(frame); !found || l.cut {
		return frame, true // not IP: its length tells nothing
	}
	if !isBig(frame) {
		missing = min(missing, maxLength-len(frame))
	}
	return append(frame, make([]byte, max(missing, 0))...), true
}
