package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// maxCaptured is the largest plausible captured length, as in libpcap
// (MAXIMUM_SNAPLEN). A larger one means that the file is damaged.
const maxCaptured = 262144

// maxEmpty is how many packets without bytes may follow each other. A file that
// was allocated and never written is all zeros, which parse as such packets.
const maxEmpty = 1000

// record is one packet of a file.
type record struct {
	// time is zero if the file has none.
	time time.Time
	link int
	// iface is the index of the interface in the file.
	iface int
	// order is the byte order of the machine that wrote the file.
	order binary.ByteOrder
	// length is the packet's original length, at least that of data.
	length int
	// data is valid until the next record is read.
	data []byte
}

// source is the common interface of both formats. It returns io.EOF at the end
// of the file, and io.ErrUnexpectedEOF within a packet.
type source interface {
	next() (record, error)
}

// swap is the order of the two lengths of a packet.
type swap uint8

const (
	// inOrder: captured length first.
	inOrder swap = iota
	// perhaps: swapped if the captured length would be the longer one.
	perhaps
	// exchanged: original length first.
	exchanged
)

// pcapFile reads the classic format, draft-ietf-opsawg-pcap, and the variants
// that libpcap's sf-pcap.c reads.
type pcapFile struct {
	in    io.Reader
	order binary.ByteOrder
	link  int
	// nano is true if times are in nanoseconds, not microseconds.
	nano bool
	swap swap
	// header has the length of a packet header: 16 bytes, or 24 in files of
	// Alexey Kuznetsov's patched libpcap.
	header []byte
	data   []byte
	empty  int
}

// The magic numbers of classic files.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34
)

func newPcap(in io.Reader) (*pcapFile, error) {
	var head [24]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, headError(err)
	}
	p := &pcapFile{in: in, swap: inOrder, header: make([]byte, 16)}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head[:]) {
		case magicMicro:
			p.order = order
		case magicNano:
			p.order, p.nano = order, true
		case magicModified:
			p.order, p.header = order, make([]byte, 24)
		}
	}
	if p.order == nil {
		return nil, ErrFormat
	}
	major, minor := p.order.Uint16(head[4:]), p.order.Uint16(head[6:])
	switch {
	case major == 2 && minor < 3, major == 543 && minor == 0:
		p.swap = exchanged
	case major == 2 && minor == 3:
		p.swap = perhaps
	case major != 2 || minor != 4:
		return nil, fmt.Errorf("%w: its version is %d.%d, not 2.4", ErrFormat, major, minor)
	}
	// The upper bits give the presence and length of a frame checksum.
	p.link = int(p.order.Uint32(head[20:]) & 0xffff)
	return p, nil
}

func (p *pcapFile) next() (record, error) {
	if _, err := io.ReadFull(p.in, p.header); err != nil {
		return record{}, err
	}
	captured, length := p.order.Uint32(p.header[8:]), p.order.Uint32(p.header[12:])
	if p.swap == exchanged || p.swap == perhaps && captured > length {
		captured, length = length, captured
	}
	if captured > maxCaptured {
		return record{}, fmt.Errorf("the next packet has an impossible captured length of %d bytes", captured)
	}
	if p.empty++; captured > 0 {
		p.empty = 0
	}
	if p.empty > maxEmpty {
		return record{}, fmt.Errorf("more than %d packets in a row have no bytes", maxEmpty)
	}
	data, err := readInto(&p.data, p.in, int(captured))
	if err != nil {
		return record{}, err
	}
	fraction := int64(p.order.Uint32(p.header[4:]))
	if !p.nano {
		fraction *= 1000
	}
	return record{
		time: time.Unix(int64(p.order.Uint32(p.header)), fraction).UTC(),
		link: p.link, order: p.order, length: wholeLength(length, captured), data: data,
	}, nil
}

// wholeLength returns the original length of a packet.
func wholeLength(length, captured uint32) int {
	return int(max(min(length, maxBig), captured))
}

// readInto reads n bytes into a reused buffer.
func readInto(buffer *[]byte, in io.Reader, n int) ([]byte, error) {
	if cap(*buffer) < n {
		*buffer = make([]byte, n)
	}
	b := (*buffer)[:n]
	_, err := io.ReadFull(in, b)
	if err == io.EOF && n > 0 { //nolint:errorlint // ReadFull returns it as it is
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
