package bpf

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers and ethertypes of the frames that the tests build.
const (
	protoHopByHop     = 0
	protoICMP         = 1
	protoTCP          = 6
	protoUDP          = 17
	protoRouting      = 43
	protoDCCP         = 33
	protoFragment     = 44
	protoGRE          = 47
	protoICMPv6       = 58
	protoNoNext       = 59
	protoDestination  = 60
	protoSCTP         = 132
	protoUDPLite      = 136
	etherIPv4         = 0x0800
	etherARP          = 0x0806
	etherVLAN         = 0x8100
	etherIPv6         = 0x86dd
	etherQinQ         = 0x88a8
	etherMPLS         = 0x8847
	etherPPPoE        = 0x8864
	etherLLDP         = 0x88cc
	etherQinQ1        = 0x9100
	ethernetHeader    = 14
	ipv4MoreFragments = 0x2000
)

// TCP flags.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	ece
	cwr
)

// frame describes an Ethernet frame with an IP packet in it.
type frame struct {
	// vlans are the ids of the tags, the outer one first.
	vlans []uint16
	// src and dst decide the family.
	src, dst netip.Addr
	proto    uint8
	// options are IPv4 options, padded to four bytes by whoever sets them.
	options []byte
	// extensions are the IPv6 headers before the transport header.
	extensions []extension
	// fragment is the IPv4 field of flags and offset.
	fragment uint16
	// l4 makes the transport header and its payload, the checksum left zero.
	l4 []byte
	// unfinished leaves the sum of the pseudo header in the checksum, as a
	// sender does that counts on hardware.
	unfinished bool
	// padding follows the packet.
	padding int
}

// extension is an IPv6 extension header: its number, and all of its bytes but
// the first, which names the header that follows.
type extension struct {
	number uint8
	rest   []byte
}

// bytes returns the frame as it is on the wire.
func (f frame) bytes() []byte {
	b := make([]byte, 12, ethernetHeader+len(f.l4)+80)
	copy(b, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1})
	for i, id := range f.vlans {
		tag := uint16(etherVLAN)
		if i == 0 && len(f.vlans) > 1 {
			tag = etherQinQ
		}
		b = binary.BigEndian.AppendUint16(b, tag)
		b = binary.BigEndian.AppendUint16(b, id)
	}
	l4 := f.transport()
	if f.src.Is4() {
		b = f.appendIPv4(b, len(l4))
	} else {
		b = f.appendIPv6(b, len(l4))
	}
	b = append(b, l4...)
	return append(b, make([]byte, f.padding)...)
}

func (f frame) appendIPv4(b []byte, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherIPv4)
	header := make([]byte, 20, 60)
	header = append(header, f.options...)
	header[0] = 0x40 | uint8(len(header)/4)
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+payload))
	binary.BigEndian.PutUint16(header[4:], 0x1234)
	binary.BigEndian.PutUint16(header[6:], f.fragment)
	header[8], header[9] = 64, f.proto
	copy(header[12:], f.src.AsSlice())
	copy(header[16:], f.dst.AsSlice())
	binary.BigEndian.PutUint16(header[10:], ^fold(sum(header)))
	return append(b, header...)
}

func (f frame) appendIPv6(b []byte, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherIPv6)
	header := make([]byte, 8, 40)
	header[0] = 0x60
	next := f.proto
	var chain []byte
	for i := len(f.extensions) - 1; i >= 0; i-- {
		chain = append(append([]byte{next}, f.extensions[i].rest...), chain...)
		next = f.extensions[i].number
	}
	binary.BigEndian.PutUint16(header[4:], uint16(len(chain)+payload))
	header[6], header[7] = next, 64
	header = append(header, f.src.AsSlice()...)
	header = append(header, f.dst.AsSlice()...)
	return append(append(b, header...), chain...)
}

// checksumAt returns where in the transport header the checksum is.
func checksumAt(proto uint8) int {
	switch proto {
	case protoTCP:
		return 16
	case protoUDP:
		return 6
	case protoICMP, protoICMPv6:
		return 2
	}
	return -1
}

// transport returns the transport header and payload with their checksum.
func (f frame) transport() []byte {
	at := checksumAt(f.proto)
	if at < 0 || len(f.l4) < at+2 {
		return f.l4
	}
	b := append([]byte(nil), f.l4...)
	pseudo := f.pseudo()
	if f.proto == protoICMP {
		pseudo = 0
	}
	value := ^fold(pseudo + sum(b))
	if f.unfinished {
		value = fold(pseudo)
	} else if f.proto == protoUDP && value == 0 {
		value = 0xffff
	}
	binary.BigEndian.PutUint16(b[at:], value)
	return b
}

// pseudo is the sum over the pseudo header.
func (f frame) pseudo() uint64 {
	return sum(f.src.AsSlice()) + sum(f.dst.AsSlice()) + uint64(f.proto) + uint64(len(f.l4))
}

// sum adds up 16-bit words.
func sum(b []byte) (s uint64) {
	for ; len(b) > 1; b = b[2:] {
		s += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// segment is a TCP segment.
type segment struct {
	flags        uint8
	seq, ack     uint32
	window       uint16
	options      []byte
	payload      int
	sport, dport uint16
}

func (s segment) bytes() []byte {
	b := make([]byte, 20, 60+s.payload)
	b = append(b, s.options...)
	for len(b)%4 != 0 {
		b = append(b, 1)
	}
	binary.BigEndian.PutUint16(b, s.sport)
	binary.BigEndian.PutUint16(b[2:], s.dport)
	binary.BigEndian.PutUint32(b[4:], s.seq)
	binary.BigEndian.PutUint32(b[8:], s.ack)
	b[12] = uint8(len(b) / 4 << 4)
	b[13] = s.flags
	binary.BigEndian.PutUint16(b[14:], s.window)
	return append(b, payload(s.payload)...)
}

// datagram returns a UDP datagram.
func datagram(sport, dport uint16, size int) []byte {
	b := make([]byte, 8, 8+size)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint16(b[4:], uint16(8+size))
	return append(b, payload(size)...)
}

// portsFirst returns size bytes that begin with two ports, as SCTP and DCCP do.
func portsFirst(sport, dport uint16, size int) []byte {
	b := payload(size)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	return b
}

// icmp returns an ICMP or ICMPv6 message with an id.
func icmp(kind, code uint8, id uint16, size int) []byte {
	b := make([]byte, 8, 8+size)
	b[0], b[1] = kind, code
	binary.BigEndian.PutUint16(b[4:], id)
	return append(b, payload(size)...)
}

// payload returns bytes whose sum is not zero in any part.
func payload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = uint8(i*7 + i>>8 + 1)
	}
	return b
}

// keyOf returns the key that a packet between the two ends has, worked out
// apart from the C code, and whether the packet goes from end 1 to end 0.
func keyOf(f frame, sport, dport uint16) (key ConntrackFlowKey, reversed bool) {
	key = ConntrackFlowKey{Proto: f.proto, Family: 6}
	if f.src.Is4() {
		key.Family = 4
	}
	if copy(key.Vlan[:], f.vlans) < len(f.vlans) {
		key.VlanThird = f.vlans[2]
	}
	ends := [2]end{endOf(f.src, sport), endOf(f.dst, dport)}
	if ends[1].before(ends[0]) {
		ends[0], ends[1] = ends[1], ends[0]
		reversed = true
	}
	for i, e := range ends {
		key.Addr[i], key.Port[i] = e.addr, e.port
	}
	return key, reversed
}

// icmpKey returns the key of an ICMP flow: its end 0 is the one that asks.
func icmpKey(f frame, kind uint8, id uint16) ConntrackFlowKey {
	answers := map[uint8]uint8{0: 8, 14: 13, 16: 15, 18: 17, 129: 128}
	request, answer := answers[kind]
	if answer {
		f.src, f.dst, kind = f.dst, f.src, request
	}
	key, reversed := keyOf(f, id, id)
	if reversed {
		key.Addr[0], key.Addr[1] = key.Addr[1], key.Addr[0]
	}
	key.IcmpType = kind
	return key
}

// end is one end of a flow as the key has it: in network order.
type end struct {
	addr [2]uint64
	port uint16
}

func endOf(addr netip.Addr, port uint16) end {
	b := addr.As16()
	var p [2]byte
	binary.BigEndian.PutUint16(p[:], port)
	return end{
		addr: [2]uint64{binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:])},
		port: binary.NativeEndian.Uint16(p[:]),
	}
}

func (e end) before(o end) bool {
	if e.addr[0] != o.addr[0] {
		return e.addr[0] < o.addr[0]
	}
	if e.addr[1] != o.addr[1] {
		return e.addr[1] < o.addr[1]
	}
	return e.port < o.port
}
