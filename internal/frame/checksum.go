package frame

import "encoding/binary"

// ChecksumAt returns the offset of the checksum in the transport header, in
// bytes, or -1 if the protocol has none.
func ChecksumAt(proto uint8) int {
	switch proto {
	case ProtoTCP:
		return 16
	case ProtoUDP:
		return 6
	case ProtoICMP, ProtoICMPv6:
		return 2
	}
	return -1
}

// Transport returns the transport header and payload with their checksum.
func (f Frame) Transport() []byte {
	at := ChecksumAt(f.Proto)
	if at < 0 || len(f.L4) < at+2 || f.Checksum == AsGiven {
		return f.L4
	}
	b := append([]byte(nil), f.L4...)
	pseudo := f.Pseudo()
	if f.Proto == ProtoICMP {
		pseudo = 0
	}
	b[at], b[at+1] = 0, 0
	value := ^Fold(pseudo + Sum(b))
	switch {
	case f.Checksum == Unfinished:
		value = Fold(pseudo)
	case f.Proto == ProtoUDP && value == 0:
		value = 0xffff // zero would say that there is none (RFC 768)
	}
	if f.Checksum == Wrong {
		value ^= 0xff00
	}
	binary.BigEndian.PutUint16(b[at:], value)
	return b
}

// Pseudo returns the sum of the pseudo header.
func (f Frame) Pseudo() uint64 {
	return Sum(f.Src.AsSlice()) + Sum(f.Dst.AsSlice()) + uint64(f.Proto) + uint64(len(f.L4))
}

// Sum returns the sum of big-endian 16-bit words.
func Sum(b []byte) (s uint64) {
	for ; len(b) > 1; b = b[2:] {
		s += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// Fold folds a sum into 16 bits. Its complement is the Internet checksum (RFC
// 1071).
func Fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
