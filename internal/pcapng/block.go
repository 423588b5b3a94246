package pcapng

import (
	"encoding/binary"
	"time"
)

// Kinds of blocks, draft-ietf-opsawg-pcapng section 4.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6

	byteOrderMagic = 0x1a2b3c4d
)

// Options of blocks.
const (
	optionComment     = 1
	optionOS          = 3 // of a section
	optionApplication = 4
	optionName        = 2 // of an interface
	optionResolution  = 9
	optionFilter      = 11
	optionFlags       = 2 // of a packet
	optionReceived    = 4 // of statistics
	optionDropped     = 5
)

// nanoseconds is the resolution of times: a power of ten.
const nanoseconds = 9

// Link types.
const (
	LinkEthernet = 1
	LinkRaw      = 101
)

// Interface is one on which packets are seen.
type Interface struct {
	Name string
	// Link is the link type of its packets.
	Link uint16
	// Snap is the most bytes of a packet that are written.
	Snap uint32
	// Filter is what the packets were selected by.
	Filter string
}

// Packet is one packet.
type Packet struct {
	Time time.Time
	// Interface is the index of its interface, in the order of [Writer.AddInterface].
	Interface int
	// Outgoing is set if it left by the interface. Otherwise it came in.
	Outgoing bool
	// Length is its length. Data may be shorter.
	Length  int
	Data    []byte
	Comment string
}

// Statistics are written at the end of a file.
type Statistics struct {
	Time time.Time
	// Received packets matched, Dropped ones of them were not written.
	Received, Dropped uint64
	Comment           string
}

// block appends a block to b. body appends what is between its lengths.
func block(b []byte, kind uint32, body func([]byte) []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = body(b)
	size := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], size)
	return binary.LittleEndian.AppendUint32(b, size)
}

// pad appends zeros up to a multiple of four bytes.
func pad(b []byte, from int) []byte {
	for (len(b)-from)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// longestOption is the most bytes of an option that has no fixed length.
const longestOption = 4096

func option(b []byte, code uint16, value string) []byte {
	if value == "" {
		return b
	}
	value = value[:min(len(value), longestOption)]
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	from := len(b)
	return pad(append(b, value...), from)
}

func number32(b []byte, code uint16, n uint32) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, 4)
	return binary.LittleEndian.AppendUint32(b, n)
}

func number64(b []byte, code uint16, n uint64) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, 8)
	return binary.LittleEndian.AppendUint64(b, n)
}

// endOptions appends the end of options.
func endOptions(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func stamp(b []byte, t time.Time) []byte {
	n := uint64(t.UnixNano())
	b = binary.LittleEndian.AppendUint32(b, uint32(n>>32))
	return binary.LittleEndian.AppendUint32(b, uint32(n))
}

// appendSection begins a file.
func appendSection(b []byte, application, os string) []byte {
	return block(b, blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // of unknown length
		b = option(b, optionOS, os)
		b = option(b, optionApplication, application)
		return endOptions(b)
	})
}

func appendInterface(b []byte, i *Interface) []byte {
	return block(b, blockInterface, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint16(b, i.Link)
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint32(b, i.Snap)
		b = option(b, optionName, i.Name)
		b = option(b, optionResolution, string([]byte{nanoseconds}))
		if i.Filter != "" {
			b = option(b, optionFilter, "\x00"+i.Filter) // the filter as text
		}
		return endOptions(b)
	})
}

func appendPacket(b []byte, p *Packet) []byte {
	return block(b, blockPacket, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, uint32(p.Interface))
		b = stamp(b, p.Time)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(max(p.Length, len(p.Data))))
		from := len(b)
		b = pad(append(b, p.Data...), from)
		b = option(b, optionComment, p.Comment)
		way := uint32(1)
		if p.Outgoing {
			way = 2
		}
		b = number32(b, optionFlags, way)
		return endOptions(b)
	})
}

func appendStatistics(b []byte, index int, s *Statistics) []byte {
	return block(b, blockStatistics, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, uint32(index))
		b = stamp(b, s.Time)
		b = option(b, optionComment, s.Comment)
		b = number64(b, optionReceived, s.Received)
		b = number64(b, optionDropped, s.Dropped)
		return endOptions(b)
	})
}
