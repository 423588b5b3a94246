package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// The supported blocks of a pcapng file, draft-ietf-opsawg-pcapng section 4 and
// appendix A. Others are skipped.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
)

// The supported options of an interface.
const (
	optionEnd             = 0
	optionName            = 2
	optionTimeResolution  = 9
	optionTimeOffset      = 14
	byteOrderMagic        = 0x1a2b3c4d
	maxBlock              = 16 << 20 // as in Wireshark
	maxInterfaces         = 1 << 16
	defaultTimeResolution = 6
)

// namedInterfaces is the number of interfaces that give their names to sides.
const namedInterfaces = 2

// iface is the content of an Interface Description Block.
type iface struct {
	name string
	link int
	// snap is the snap length in bytes, 0 for no limit.
	snap uint32
	// resolution is the unit of times: a negative power of 10, or of 2 if the
	// most significant bit is set. offset is in seconds.
	resolution byte
	offset     int64
}

// pcapngFile reads the pcapng format.
type pcapngFile struct {
	in     io.Reader
	order  binary.ByteOrder
	ifaces []iface
	// first is the index of the section's first interface. A file may have
	// several sections, each with its own interfaces.
	first int
	// usable is the number of readable interfaces, and leader the first of
	// them.
	usable, leader int
	block          []byte
}

// newPcapng reads the section header at the start of the file.
func newPcapng(in io.Reader) (*pcapngFile, error) {
	p := &pcapngFile{in: in, order: binary.LittleEndian}
	if kind, _, err := p.read(); err != nil || kind != blockSection {
		return nil, headError(err)
	}
	return p, nil
}

func (p *pcapngFile) next() (record, error) {
	for {
		kind, body, err := p.read()
		if err != nil {
			return record{}, err
		}
		switch kind {
		case blockInterface:
			err = p.addInterface(body)
		case blockEnhanced, blockPacket:
			return p.packet(kind, body)
		case blockSimple:
			return p.simple(body)
		}
		if err != nil {
			return record{}, err
		}
	}
}

// read returns the next block's type and body, without its trailing length.
func (p *pcapngFile) read() (kind uint32, body []byte, err error) {
	var head [12]byte
	if _, err := io.ReadFull(p.in, head[:8]); err != nil {
		return 0, nil, err
	}
	begun := 8
	if binary.BigEndian.Uint32(head[:]) == blockSection {
		if _, err := io.ReadFull(p.in, head[8:]); err != nil {
			return 0, nil, io.ErrUnexpectedEOF
		}
		if err := p.begin(head[8:]); err != nil {
			return 0, nil, err
		}
		begun = 12
	}
	kind, size := p.order.Uint32(head[:]), p.order.Uint32(head[4:])
	if size > maxBlock || int(size) < begun+4 {
		return 0, nil, fmt.Errorf("a block has an impossible length of %d bytes", size)
	}
	body, err = readInto(&p.block, p.in, int(size+3)&^3-begun)
	if err != nil {
		return 0, nil, err
	}
	return kind, body[:int(size)-begun-4], nil
}

// begin starts a section, which has its own byte order.
func (p *pcapngFile) begin(magic []byte) error {
	switch uint32(byteOrderMagic) {
	case binary.LittleEndian.Uint32(magic):
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic):
		p.order = binary.BigEndian
	default:
		return errors.New("a section header has no valid byte order")
	}
	p.first = len(p.ifaces)
	return nil
}

func (p *pcapngFile) addInterface(body []byte) error {
	if len(body) < 8 || len(p.ifaces) >= maxInterfaces {
		return errors.New("an interface description is too short")
	}
	i := iface{link: int(p.order.Uint16(body)), snap: p.order.Uint32(body[4:]), resolution: defaultTimeResolution}
	for options := body[8:]; len(options) >= 4; {
		code, size := p.order.Uint16(options), int(p.order.Uint16(options[2:]))
		if options = options[4:]; code == optionEnd || size > len(options) {
			break
		}
		switch value := options[:size]; {
		case code == optionName:
			i.name = string(value)
		case code == optionTimeResolution && size >= 1:
			i.resolution = value[0]
		case code == optionTimeOffset && size >= 8:
			i.offset = int64(p.order.Uint64(value))
		}
		options = options[min((size+3)&^3, len(options)):]
	}
	if readable(i.link) {
		if p.usable++; p.usable == 1 {
			p.leader = len(p.ifaces)
		}
	}
	if !readable(i.link) || p.usable > namedInterfaces {
		i.name = "" // nobody asks for it, and there may be many
	}
	p.ifaces = append(p.ifaces, i)
	return nil
}

// packet reads an Enhanced Packet Block, or the older Packet Block, in which
// half of the interface field is a drop count.
func (p *pcapngFile) packet(kind uint32, body []byte) (record, error) {
	if len(body) < 20 {
		return record{}, errors.New("the next packet's block is too short")
	}
	index := p.order.Uint32(body)
	if kind == blockPacket {
		index = uint32(p.order.Uint16(body))
	}
	captured, length := p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	if uint64(captured) > uint64(len(body)-20) || captured > maxCaptured {
		return record{}, fmt.Errorf("the next packet has an impossible captured length of %d bytes", captured)
	}
	i, err := p.iface(index)
	if err != nil {
		return record{}, err
	}
	stamp := uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:]))
	return record{
		time: i.timeOf(stamp), link: i.link, iface: p.first + int(index), order: p.order,
		length: wholeLength(length, captured), data: body[20 : 20+captured],
	}, nil
}

// simple reads a Simple Packet Block. It belongs to the section's first
// interface, has no time, and is truncated to the interface's snap length.
func (p *pcapngFile) simple(body []byte) (record, error) {
	i, err := p.iface(0)
	if err != nil {
		return record{}, err
	}
	if len(body) < 4 {
		return record{}, errors.New("the next packet's block is too short")
	}
	length := p.order.Uint32(body)
	captured := min(length, uint32(len(body)-4))
	if i.snap > 0 {
		captured = min(captured, i.snap)
	}
	return record{
		link: i.link, iface: p.first, order: p.order,
		length: wholeLength(length, captured), data: body[4 : 4+captured],
	}, nil
}

func (p *pcapngFile) iface(index uint32) (*iface, error) {
	if uint64(index) >= uint64(len(p.ifaces)-p.first) {
		return nil, fmt.Errorf("the next packet is of interface %d, which the file does not describe", index)
	}
	return &p.ifaces[p.first+int(index)], nil
}

// timeOf converts a timestamp in the interface's unit.
func (i *iface) timeOf(stamp uint64) time.Time {
	var seconds, nanos uint64
	switch exponent := uint(i.resolution & 0x7f); {
	case i.resolution&0x80 == 0 && exponent <= 19:
		unit := pow10(exponent)
		seconds = stamp / unit
		nanos = fraction(stamp%unit, unit)
	case i.resolution&0x80 == 0:
		nanos = stamp / pow10(min(exponent-9, 19))
	case exponent < 64:
		unit := uint64(1) << exponent
		seconds = stamp / unit
		nanos = fraction(stamp%unit, unit)
	default:
		high, _ := bits.Mul64(stamp, 1e9)
		nanos = high >> (exponent - 64)
	}
	at := int64(min(seconds, math.MaxInt64))
	if sum := at + i.offset; i.offset < 0 || sum >= at {
		at = sum
	}
	return time.Unix(at, int64(nanos)).UTC()
}

// fraction converts part of a second, in the given unit, to nanoseconds.
func fraction(part, unit uint64) uint64 {
	high, low := bits.Mul64(part, 1e9)
	n, _ := bits.Div64(high, low, unit)
	return n
}

func pow10(n uint) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
