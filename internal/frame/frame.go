package frame

import (
	"encoding/binary"
	"net/netip"
)

// Frame describes an Ethernet frame with an IP packet in it.
type Frame struct {
	// MACs are the addresses of destination and source. Zero stands for two hosts.
	MACs [12]byte
	// VLANs are the ids of the tags, the outer one first.
	VLANs []uint16
	// Src and Dst decide the family.
	Src, Dst netip.Addr
	Proto    uint8
	// ID is IPv4's identification, and the flow label of IPv6.
	ID uint16
	// Options are IPv4 options, padded to four bytes by whoever sets them.
	Options []byte
	// Extensions are the IPv6 headers before the transport header.
	Extensions []Extension
	// Fragment is the IPv4 field of flags and offset.
	Fragment uint16
	// L4 is the transport header and its payload, with any checksum.
	L4 []byte
	// Checksum is what to do about L4's.
	Checksum Checksum
	// Padding is the number of bytes behind the packet.
	Padding int
}

// Extension is an IPv6 extension header: its number, and all of its bytes but
// the first, which names the header that follows.
type Extension struct {
	Number uint8
	Rest   []byte
}

// Checksum says what a transport header has for a checksum.
type Checksum uint8

const (
	// Right is the zero value.
	Right Checksum = iota
	// Unfinished is the sum of the pseudo header, as a sender leaves it that counts on
	// hardware.
	Unfinished
	// Wrong is off.
	Wrong
	// AsGiven is what L4 has.
	AsGiven
)

// Two hosts, as MACs names them where it is zero.
var hosts = [12]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}

// Bytes returns the frame as it is on the wire.
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

// Reply returns the frame that goes the other way with a transport header of its own.
func (f Frame) Reply(l4 []byte) Frame {
	f.Src, f.Dst, f.L4 = f.Dst, f.Src, l4
	return f
}

// Raw returns a frame of any ethertype, to all hosts.
func Raw(ethertype uint16, payload []byte) []byte {
	b := make([]byte, 12, HeaderSize+len(payload))
	copy(b, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1})
	b = binary.BigEndian.AppendUint16(b, ethertype)
	return append(b, payload...)
}

// Around puts an Ethernet header before an IP packet.
func Around(packet []byte) []byte {
	ethertype := uint16(EtherIPv4)
	if packet[0]>>4 == 6 {
		ethertype = EtherIPv6
	}
	b := append(make([]byte, 0, HeaderSize+len(packet)), hosts[:]...)
	b = binary.BigEndian.AppendUint16(b, ethertype)
	return append(b, packet...)
}
