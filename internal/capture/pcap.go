package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// maxCaptured is the most bytes of one packet that are believed, as in libpcap
// (MAXIMUM_SNAPLEN): more means that the file is damaged.
const maxCaptured = 262144

// maxEmpty is how many packets of no bytes may follow each other. A file that
// was allocated and never written is zeros, which read as such packets.
const maxEmpty = 1000

// record is one packet as a file has it.
type record struct {
	// time is zero where the file does not say.
	time time.Time
	link int
	// iface counts the interfaces of the file from 0.
	iface int
	// order is the byte order of the machine that wrote the file.
	order binary.ByteOrder
	// length is how long the packet was, at least as long as data.
	length int
	// data is valid until the next record is read.
	data []byte
}

// source is what both kinds of files are to this package. It returns io.EOF at
// the end of the file, and io.ErrUnexpectedEOF where that is within a packet.
type source interface {
	next() (record, error)
}

// swap says how a file has the two lengths of a packet.
type swap uint8

const (
	// inOrder: the captured length comes first.
	inOrder swap = iota
	// perhaps: they are exchanged where the captured one would be the longer.
	perhaps
	// exchanged: the length of the packet comes first.
	exchanged
)

// pcapFile reads the classic format, draft-ietf-opsawg-pcap, and its variants
// as libpcap's sf-pcap.c does.
type pcapFile struct {
	in    io.Reader
	order binary.ByteOrder
	link  int
	// nano says that times have nanoseconds, not microseconds.
	nano bool
	swap swap
	// header is as long as that of a packet: 16 bytes, or 24 in files of a
	// libpcap that Alexey Kuznetsov patched.
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
	// The upper bits say whether frames have a checksum, and how long it is.
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

// wholeLength returns the length of a packet, of which captured bytes are there.
func wholeLength(length, captured uint32) int {
	return int(max(min(length, maxBig), captured))
}

// readInto reads n bytes into a buffer that is used again.
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
