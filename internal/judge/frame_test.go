package judge

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// tuple is where a run of a sequence takes place: the first end's address and
// port, and the second's.
type tuple struct {
	addr [2]netip.Addr
	port [2]uint16
	// kind of the packets, which decides the protocol.
	kind Kind
	// id of ICMP requests, and VLANs, which only ctop sees.
	id   uint16
	vlan [2]uint16
}

// Protocol numbers.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoESP    = 50
	protoICMPv6 = 58
)

// newTuple returns the n-th tuple of its family: no two of 2^24 runs share one.
func newTuple(n uint32, v6 bool) tuple {
	t := tuple{port: [2]uint16{40000, 443}, id: icmpID}
	if v6 {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(n), 14: byte(n >> 8), 13: byte(n >> 16)}
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 4: 1, 15: 1}
		t.addr = [2]netip.Addr{netip.AddrFrom16(a), netip.AddrFrom16(b)}
		return t
	}
	t.addr = [2]netip.Addr{
		netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
		netip.AddrFrom4([4]byte{192, 0, 2, 1}),
	}
	return t
}

// crossed returns the tuple with the ports exchanged, the addresses not.
func (t tuple) crossed() tuple {
	t.port[0], t.port[1] = t.port[1], t.port[0]
	return t
}

// of returns the tuple that the step belongs to.
func (t tuple) of(s *Step) tuple {
	if s.Crossed {
		t = t.crossed()
	}
	if s.Kind != Quote {
		t.kind = s.Kind
	}
	return t
}

func (t *tuple) v6() bool { return t.addr[0].Is6() }

func (t *tuple) proto() byte {
	switch t.kind {
	case UDP:
		return protoUDP
	case Echo, EchoReply:
		if t.v6() {
			return protoICMPv6
		}
		return protoICMP
	case Other:
		return protoESP
	}
	return protoTCP
}

// icmpID is the id of a run's echo requests.
const icmpID = 77

// packet returns the step's IP packet. quoted is the packet that came the other
// way last, for steps that quote one. mark goes into the identification field,
// or the flow label, which nobody changes on the way.
func (t tuple) packet(s *Step, quoted []byte, mark uint16) []byte {
	d := s.dir()
	src, dst := t.addr[d], t.addr[1-d]
	proto := t.proto()
	var l4 []byte
	switch s.Kind {
	case TCP:
		l4 = tcpSegment(s, t.port[d], t.port[1-d])
	case UDP:
		l4 = udpDatagram(s, t.port[d], t.port[1-d])
	case Echo, EchoReply:
		l4 = icmpEcho(s, t.v6())
	case Quote:
		proto = protoICMP
		if t.v6() {
			proto = protoICMPv6
		}
		l4 = icmpError(quoted, t.v6())
	case Other:
		l4 = make([]byte, 8+int(s.Len))
	}
	p := ipPacket(src, dst, proto, l4, mark)
	if at, has := checksumOffsets[proto]; has && s.Spoiled {
		p[len(p)-len(l4)+at] ^= 0xff
	}
	return p
}

func ipPacket(src, dst netip.Addr, proto byte, l4 []byte, mark uint16) []byte {
	be := binary.BigEndian
	putChecksum(src, dst, proto, l4)
	if src.Is6() {
		p := make([]byte, 40, 40+len(l4))
		be.PutUint32(p, 6<<28|uint32(mark))
		be.PutUint16(p[4:], uint16(len(l4)))
		p[6], p[7] = proto, 64
		copy(p[8:], src.AsSlice())
		copy(p[24:], dst.AsSlice())
		return append(p, l4...)
	}
	p := make([]byte, 20, 20+len(l4))
	p[0], p[8], p[9] = 0x45, 64, proto
	be.PutUint16(p[2:], uint16(20+len(l4)))
	be.PutUint16(p[4:], mark)
	copy(p[12:], src.AsSlice())
	copy(p[16:], dst.AsSlice())
	be.PutUint16(p[10:], headerChecksum(p))
	return append(p, l4...)
}

// frameOf puts an Ethernet header without addresses before the packet.
func frameOf(packet []byte) []byte {
	frame := append(make([]byte, 12, 14+len(packet)), 0x08, 0x00)
	if packet[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	return append(frame, packet...)
}

// checksum is the Internet checksum of the parts, each but the last of an even
// length (RFC 1071).
func checksum(parts ...[]byte) uint16 {
	var sum uint64
	for _, part := range parts {
		for ; len(part) > 1; part = part[2:] {
			sum += uint64(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			sum += uint64(part[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// headerChecksum is the sum of an IPv4 header.
func headerChecksum(header []byte) uint16 { return checksum(header) }

// checksumOffsets says where each protocol has its checksum.
var checksumOffsets = map[byte]int{protoICMP: 2, protoTCP: 16, protoUDP: 6, protoICMPv6: 2}

// putChecksum writes the checksum of a segment, datagram or message.
func putChecksum(src, dst netip.Addr, proto byte, l4 []byte) {
	at, has := checksumOffsets[proto]
	if !has {
		return
	}
	pseudo := slices.Concat(src.AsSlice(), dst.AsSlice(), []byte{0, proto, byte(len(l4) >> 8), byte(len(l4))})
	if proto == protoICMP {
		pseudo = nil
	}
	binary.BigEndian.PutUint16(l4[at:], 0)
	sum := checksum(pseudo, l4)
	if sum == 0 && proto == protoUDP {
		sum = 0xffff // zero would say that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(l4[at:], sum)
}

func tcpSegment(s *Step, src, dst uint16) []byte {
	be := binary.BigEndian
	p := make([]byte, 20, 60+int(s.Len))
	be.PutUint16(p[0:], src)
	be.PutUint16(p[2:], dst)
	be.PutUint32(p[4:], s.Seq)
	be.PutUint32(p[8:], s.Ack)
	p[13] = s.Flags
	be.PutUint16(p[14:], s.Window)
	p = appendOptions(p, s)
	p[12] = byte(len(p) / 4 << 4)
	return append(p, make([]byte, s.Len)...)
}

func appendOptions(p []byte, s *Step) []byte {
	if s.Scale != NoScale {
		p = append(p, 3, 3, byte(s.Scale), 1)
	}
	if s.SackOK {
		p = append(p, 4, 2, 1, 1)
	}
	if s.Sack[0] != s.Sack[1] {
		p = append(p, 1, 1, 5, 10)
		p = binary.BigEndian.AppendUint32(p, s.Sack[0])
		p = binary.BigEndian.AppendUint32(p, s.Sack[1])
	}
	return p
}

func udpDatagram(s *Step, src, dst uint16) []byte {
	be := binary.BigEndian
	p := make([]byte, 8+int(s.Len))
	be.PutUint16(p[0:], src)
	be.PutUint16(p[2:], dst)
	be.PutUint16(p[4:], uint16(len(p)))
	return p
}

func icmpEcho(s *Step, v6 bool) []byte {
	p := make([]byte, 8+int(s.Len))
	switch {
	case v6 && s.Kind == Echo:
		p[0] = 128
	case v6:
		p[0] = 129
	case s.Kind == Echo:
		p[0] = 8
	}
	binary.BigEndian.PutUint16(p[4:], icmpID)
	return p
}

// icmpError is "port unreachable".
func icmpError(quoted []byte, v6 bool) []byte {
	p := make([]byte, 8, 8+len(quoted))
	p[0], p[1] = 3, 3
	if v6 {
		p[0], p[1] = 1, 4
	}
	return append(p, quoted[:min(len(quoted), 128)]...)
}
