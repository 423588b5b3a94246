// Package capture reads packet captures (pcap and pcapng, also compressed with
// gzip) as Ethernet frames, each with the side that it came in by. It knows
// nothing of flows.
package capture

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"
)

var (
	// ErrFormat means that the file is no capture.
	ErrFormat = errors.New("it is no pcap or pcapng file")
	// ErrLink means that a packet is of a link type that cannot be read as
	// Ethernet.
	ErrLink = errors.New("only Ethernet, IP without a link layer, loopback and Linux cooked captures can be read")
	// ErrBroken means that the rest of the file makes no sense, or is not
	// there. What came before it is good.
	ErrBroken = errors.New("the file is damaged, or was cut off")
)

// Frame is one packet as Ethernet carries it.
type Frame struct {
	// Time is when it was captured, zero where the file does not say.
	Time time.Time
	// Side is 0 or 1: the interface in captures of several, otherwise 0 for
	// the first sender and all that stands on its side.
	Side int
	// Data is valid until the next frame is read.
	Data []byte
}

// packets is what both kinds of files are to this package.
type packets interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// Reader reads one capture.
type Reader struct {
	packets packets
	ng      *pcapgo.NgReader
	// link is the link type of all packets, -1 where each has its own.
	link   int
	number int
	sides  sides
	frame  []byte
}

const magicPcapng = "\x0a\x0d\x0d\x0a"

// NewReader reads the head of a capture. Its error wraps [ErrFormat] where that
// makes no sense.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		in = bufio.NewReaderSize(plain, 1<<16)
	}
	if magic, _ := in.Peek(4); string(magic) == magicPcapng {
		return newPcapng(in)
	}
	p, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, headError(err)
	}
	return &Reader{packets: p, link: int(p.LinkType()), sides: sides{}}, nil
}

func newPcapng(in io.Reader) (*Reader, error) {
	p, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
	if err != nil {
		return nil, headError(err)
	}
	return &Reader{packets: p, ng: p, link: -1, sides: sides{}}, nil
}

// headError leaves a file that could not be read apart from one that was.
func headError(err error) error {
	var from interface{ Timeout() bool } // as *os.PathError is
	if errors.As(err, &from) {
		return err
	}
	return ErrFormat
}

// Interfaces returns the names of the first two interfaces of the capture, as
// far as they are known by now.
func (r *Reader) Interfaces() (names [2]string) {
	if r.ng == nil {
		return names
	}
	for i := range names {
		if iface, err := r.ng.Interface(i); err == nil {
			names[i] = iface.Name
		}
	}
	return names
}

// Next returns the next frame, io.EOF at the end, and an error that wraps
// [ErrBroken] or [ErrLink] where reading cannot go on.
func (r *Reader) Next() (Frame, error) {
	data, info, err := r.packets.ReadPacketData()
	if errors.Is(err, io.EOF) {
		return Frame{}, io.EOF
	}
	if err != nil {
		return Frame{}, fmt.Errorf("after packet %d: %w", r.number, ErrBroken)
	}
	r.number++
	link := r.link
	if link < 0 {
		link = int(linkOf(info))
	}
	if r.frame, err = appendFrame(r.frame[:0], link, data); err != nil {
		return Frame{}, fmt.Errorf("packet %d: %w", r.number, err)
	}
	missing := min(info.Length, maxLength) - info.CaptureLength
	r.frame = restore(r.frame, missing)
	return Frame{Time: info.Timestamp, Side: r.side(info, link), Data: r.frame}, nil
}
