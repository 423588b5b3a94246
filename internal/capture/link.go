package capture

import "encoding/binary"

// The link types that can be read, as registered at tcpdump.org/linktypes.html.
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

// links are the link types that can be read. Each function appends a packet to b
// as Ethernet would have carried it; it returns b as it is where the packet
// carries nothing that Ethernet could.
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

// readable reports whether packets of a link type can be read.
func readable(link int) bool { return links[link] != nil }

func appendRaw(b []byte, r *record) []byte { return appendIP(b, r.data) }

// appendLoopback passes over the address family, whose numbers differ between
// systems.
func appendLoopback(b []byte, r *record) []byte { return appendIP(b, r.data[min(4, len(r.data)):]) }

// appendIP puts an Ethernet header without addresses before an IP packet.
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

// appendAfter puts an Ethernet header in the place of one of another kind, which
// has its ethertype at an offset.
func appendAfter(b, data []byte, length, ethertype int) []byte {
	if len(data) < length {
		return b
	}
	b = appendHeader(b, binary.BigEndian.Uint16(data[ethertype:]))
	return append(b, data[length:]...)
}

// The protocols of PPP that are read (IANA, PPP Numbers).
const (
	pppIPv4 = 0x0021
	pppIPv6 = 0x0057
)

// appendPPP reads a frame of PPP (RFC 1661, RFC 1662): address and control may
// be left out, and of the protocol the first byte where it is zero.
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

// nflogPayload is the attribute of an NFLOG packet that has the packet itself
// (NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h).
const nflogPayload = 9

// appendNflog reads what the NFLOG target of netfilter hands over: a header of
// four bytes, then attributes, aligned to four bytes, in the byte order of the
// machine that wrote them.
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

// maxLength is the longest packet that is believed if it does not say itself that
// it is longer: the longest that IP has, with room for a link header.
const maxLength = maxPacket + 64

// restore gives a frame that was captured in part its length back, filled with
// zeros: nothing behind the headers is looked at, and without it the frame would be
// one that lies about its length. Not ok if the headers are not there.
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
