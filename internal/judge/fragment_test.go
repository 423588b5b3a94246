package judge

import (
	"cmp"
	"encoding/binary"
	"slices"

	"ctop/internal/frame"
)

// datagramID is common to the fragments of one packet.
type datagramID struct {
	from, to string
	id       uint32
	proto    byte
	vlan     [2]uint16
}

// piece is the part of a packet in a fragment.
type piece struct {
	offset, end int
	last        bool
	payload     []byte
	// shot is the index of the fragment.
	shot int
}

// assembler holds the fragments of a capture until each packet is complete,
// since the kernel judges complete packets only.
type assembler map[datagramID]*datagram

// datagram is a packet of which some fragments have arrived.
type datagram struct {
	shots  []*shot
	pieces []piece
}

// add adds a fragment. If it completes a packet, add returns the packet's
// content with all of its frames, and otherwise nil.
func (a assembler) add(s *shot) *shot {
	id, p, ok := s.piece()
	if !ok {
		return s // whatever it is, the trackers may say
	}
	if a[id] == nil {
		a[id] = &datagram{}
	}
	d := a[id]
	p.shot = len(d.shots)
	d.shots, d.pieces = append(d.shots, s), append(d.pieces, p)
	packet := d.packet()
	if packet == nil {
		return nil
	}
	delete(a, id)
	whole := dissect(frame.Around(packet))
	whole.vlan, whole.frames, whole.packets = s.vlan, nil, nil
	first := d.first().payload
	whole.cut = whole.proto == frame.ProtoTCP && (len(first) < 20 || len(first) < int(first[12]>>4)*4)
	for _, each := range d.shots {
		whole.frames = append(whole.frames, each.frames...)
		whole.packets = append(whole.packets, each.packets...)
	}
	return whole
}

// held returns the number of fragments of incomplete packets.
func (a assembler) held() (n int) {
	for _, d := range a {
		n += len(d.shots)
	}
	return n
}

// piece reads the fragment's position in its packet.
func (s *shot) piece() (id datagramID, p piece, ok bool) {
	b, be := s.packets[0], binary.BigEndian
	id = datagramID{from: s.src.String(), to: s.dst.String(), vlan: s.vlan}
	if s.src.Is4() {
		header := int(b[0]&15) * 4
		if header < 20 || header > len(b) {
			return id, p, false
		}
		bits := be.Uint16(b[6:])
		id.id, id.proto = uint32(be.Uint16(b[4:])), b[9]
		p = piece{offset: int(bits&0x1fff) * 8, last: bits&frame.MoreFragments == 0, payload: b[header:]}
	} else {
		if b[6] != frame.ProtoFragment || len(b) < 48 {
			return id, p, false
		}
		bits := be.Uint16(b[42:])
		id.id = be.Uint32(b[44:])
		p = piece{offset: int(bits &^ 7), last: bits&1 == 0, payload: b[48:]}
	}
	p.end = p.offset + len(p.payload)
	return id, p, true
}

// packet returns the whole packet, nil while a part is missing.
func (d *datagram) packet() []byte {
	pieces := slices.SortedFunc(slices.Values(d.pieces), func(a, b piece) int { return cmp.Compare(a.offset, b.offset) })
	var payload []byte
	for _, p := range pieces {
		if p.offset != len(payload) {
			return nil
		}
		payload = append(payload, p.payload...)
	}
	if !pieces[len(pieces)-1].last {
		return nil
	}
	first := d.shots[d.first().shot].packets[0]
	if first[0]>>4 == 6 {
		header := slices.Clone(first[:40])
		header[6] = first[40]
		binary.BigEndian.PutUint16(header[4:], uint16(len(payload)))
		return append(header, payload...)
	}
	header := slices.Clone(first[:int(first[0]&15)*4])
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(payload)))
	binary.BigEndian.PutUint16(header[6:], 0)
	return append(header, payload...)
}

// first returns the first piece of the packet.
func (d *datagram) first() piece {
	return d.pieces[slices.IndexFunc(d.pieces, func(p piece) bool { return p.offset == 0 })]
}
