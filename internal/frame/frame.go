package frame

import (
	"encoding/binary"
	"net/netip"
)

// Frame describes an Ethernet frame that contains an IP packet.
type Frame struct {
	// MACs are the destination and source addresses. The zero value means the
	// addresses of two default hosts.
	MACs [12]byte
	// VLANs are the IDs of the tags, the outermost first.
	VLANs []uint16
	// Src and Dst determine the IP version.
	Src, Dst netip.Addr
	Proto    uint8
	// ID is the identification of IPv4, or the flow label of IPv6.
	ID uint16
	// Options are IPv4 options, padded to a multiple of four bytes.
	Options []byte
	// Extensions are the IPv6 headers before the transport header.
	Extensions []Extension
	// Fragment is the IPv4 field with flags and fragment offset.
	Fragment uint16
	// L4 is the transport header and payload. Its checksum may be unset.
	L4 []byte
	// Checksum selects the checksum that replaces L4's.
	Checksum Checksum
	// Padding is the number of bytes after the IP packet.
	Padding int
}

// Extension is an IPv6 extension header: its number, and its bytes without the
// first one, the number of the next header.
type Extension struct {
	Number uint8
	Rest   []byte
}

// Checksum selects the checksum of a transport header.
type Checksum uint8

const (
	// Right is the correct checksum.
	Right Checksum = iota
	// Unfinished is the sum of the pseudo header, as left by a sender with
	// checksum offload.
	Unfinished
	// Wrong is a wrong checksum.
	Wrong
	// AsGiven keeps the checksum of L4.
	AsGiven
)

// The MAC addresses of two hosts, for frames whose MACs is zero.
var hosts = [12]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}

// Bytes returns the frame as on the wire.
func (f Frame) Bytes() []byte {
	if f.MACs == [12]byte{} {
		f.MACs = hosts
	}
	b := make([]byte, 0, HeaderSize+len(f.L4)+80)
	b = append(b, f.MACs[:]...)
	for i, id := range f.VLANs {
		tag := uint16(EtherVLAN)
		if i == 0 && len(f.VLANs) > 1 {
			tag = EtherQinQ
		}
		b = binary.BigEndian.AppendUint16(b, tag)
		b = binary.BigEndian.AppendUint16(b, id)
	}
	ethertype := uint16(EtherIPv6)
	if f.Src.Is4() {
		ethertype = EtherIPv4
	}
	b = binary.BigEndian.AppendUint16(b, ethertype)
	b = append(b, f.Packet()...)
	return append(b, make([]byte, f.Padding)...)
}

// Packet returns the IP packet.
func (f Frame) Packet() []byte {
	l4 := f.Transport()
	if f.Src.Is4() {
		return append(f.ipv4(len(l4)), l4...)
	}
	return append(f.ipv6(len(l4)), l4...)
}

func (f Frame) ipv4(payload int) []byte {
	b := make([]byte, 20, 60+payload)
	b = append(b, f.Options...)
	b[0] = 0x40 | uint8(len(b)/4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+payload))
	binary.BigEndian.PutUint16(b[4:], f.ID)
	binary.BigEndian.PutUint16(b[6:], f.Fragment)
	b[8], b[9] = 64, f.Proto
	copy(b[12:], f.Src.AsSlice())
	copy(b[16:], f.Dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], ^Fold(Sum(b)))
	return b
}

func (f Frame) ipv6(payload int) []byte {
	next := f.Proto
	var chain []byte
	for i := len(f.Extensions) - 1; i >= 0; i-- {
		chain = append(append([]byte{next}, f.Extensions[i].Rest...), chain...)
		next = f.Extensions[i].Number
	}
	b := make([]byte, 8, 40+len(chain)+payload)
	binary.BigEndian.PutUint32(b, 6<<28|uint32(f.ID))
	binary.BigEndian.PutUint16(b[4:], uint16(len(chain)+payload))
	b[6], b[7] = next, 64
	b = append(b, f.Src.AsSlice()...)
	b = append(b, f.Dst.AsSlice()...)
	return append(b, chain...)
}

// Reply returns a frame in the opposite direction with another transport
// header.
func (f Frame) Reply(l4 []byte) Frame {
	f.Src, f.Dst, f.L4 = f.Dst, f.Src, l4
	return f
}

// Raw returns a broadcast frame of any EtherType.
func Raw(ethertype uint16, payload []byte) []byte {
	b := make([]byte, 12, HeaderSize+len(payload))
	copy(b, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1})
	b = binary.BigEndian.AppendUint16(b, ethertype)
	return append(b, payload...)
}

// Around prepends an Ethernet header to an IP packet.
func Around(packet []byte) []byte {
	ethertype := uint16(EtherIPv4)
	if packet[0]>>4 == 6 {
		ethertype = EtherIPv6
	}
	b := append(make([]byte, 0, HeaderSize+len(packet)), hosts[:]...)
	b = binary.BigEndian.AppendUint16(b, ethertype)
	return append(b, packet...)
}
