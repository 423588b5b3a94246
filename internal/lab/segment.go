package lab

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// virtioHeader is struct virtio_net_hdr of linux/virtio_net.h, in the machine's
// byte order. It describes the work that a frame's sender left to the card.
type virtioHeader struct {
	flags, gso                            uint8
	headers, segment, sumStart, sumOffset uint16
}

const (
	virtioSize = 10
	// flags: finish the checksum from sumStart on.
	virtioNeedsSum = 1
	// gso: the kind of segments to cut; the bit for ECN may also be set.
	virtioTCPv4 = 1
	virtioTCPv6 = 4
	virtioECN   = 0x80
)

// Offsets in frames and headers.
const (
	ethernetSize = 14
	ipv6Size     = 40
	tcpSeq       = 4
	tcpFlagByte  = 13
	tcpSum       = 16
	tcpMinimum   = 20
	tcpFIN       = 1 << 0
	tcpPSH       = 1 << 3
	tcpCWR       = 1 << 7
)

func parseVirtio(b []byte) virtioHeader {
	order := binary.NativeEndian
	return virtioHeader{
		flags: b[0], gso: b[1] &^ virtioECN, headers: order.Uint16(b[2:]), segment: order.Uint16(b[4:]),
		sumStart: order.Uint16(b[6:]), sumOffset: order.Uint16(b[8:]),
	}
}

// wireFrames converts the data of a packet socket with PACKET_VNET_HDR to
// frames as on a wire, segmented and with finished checksums. Each begins with
// an empty header again, which the other socket requires.
func wireFrames(b []byte) [][]byte {
	if len(b) < virtioSize+ethernetSize {
		return nil
	}
	h, frame := parseVirtio(b), slices.Clone(b)
	clear(frame[:virtioSize])
	data := frame[virtioSize:]
	if h.gso == virtioTCPv4 || h.gso == virtioTCPv6 {
		return cutSegments(data, h)
	}
	start, at := int(h.sumStart), int(h.sumStart)+int(h.sumOffset)
	if h.flags&virtioNeedsSum != 0 && at+2 <= len(data) {
		sum := checksum(0, data[start:])
		if sum == 0 {
			sum = 0xffff // RFC 768: zero would say that there is none
		}
		binary.BigEndian.PutUint16(data[at:], sum)
	}
	return [][]byte{frame}
}

// cutSegments cuts a large TCP segment like a card.
func cutSegments(data []byte, h virtioHeader) (frames [][]byte) {
	tcp := ethernetSize + int(data[ethernetSize]&15)*4
	if h.gso == virtioTCPv6 {
		tcp = ethernetSize + ipv6Size
	}
	if tcp+tcpMinimum > len(data) || h.segment == 0 {
		return nil
	}
	header := tcp + int(data[tcp+12]>>4)*4
	if header > len(data) {
		return nil
	}
	payload, size := data[header:], int(h.segment)
	for at, n := 0, 0; at < len(payload); at, n = at+size, n+1 {
		part := payload[at:min(at+size, len(payload))]
		frame := make([]byte, virtioSize, virtioSize+header+len(part))
		frame = append(append(frame, data[:header]...), part...)
		cut := segment{frame[virtioSize:], tcp, h.gso == virtioTCPv6}
		cut.place(uint32(at), n, at+size >= len(payload))
		frames = append(frames, frame)
	}
	return frames
}

// segment is one piece of a large segment, with a copy of its headers.
type segment struct {
	data []byte
	tcp  int
	v6   bool
}

// place sets the headers of the nth piece, which begins at the given byte.
func (s segment) place(at uint32, n int, last bool) {
	tcp := s.data[s.tcp:]
	binary.BigEndian.PutUint32(tcp[tcpSeq:], binary.BigEndian.Uint32(tcp[tcpSeq:])+at)
	if !last {
		tcp[tcpFlagByte] &^= tcpFIN | tcpPSH
	}
	if n > 0 {
		tcp[tcpFlagByte] &^= tcpCWR
	}
	clear(tcp[tcpSum : tcpSum+2])
	ip := s.data[ethernetSize:s.tcp]
	var addresses []byte
	if s.v6 {
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ipv6Size+len(tcp)))
		addresses = ip[8:ipv6Size]
	} else {
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(tcp)))
		binary.BigEndian.PutUint16(ip[4:], binary.BigEndian.Uint16(ip[4:])+uint16(n))
		clear(ip[10:12])
		binary.BigEndian.PutUint16(ip[10:], checksum(0, ip))
		addresses = ip[12:20]
	}
	pseudo := uint32(^checksum(0, addresses)) + unix.IPPROTO_TCP + uint32(len(tcp))
	binary.BigEndian.PutUint16(tcp[tcpSum:], checksum(pseudo, tcp))
}
