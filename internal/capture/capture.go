// Package capture reads packet captures, pcap and pcapng, also compressed with
// gzip, bzip2, xz or zstd, as Ethernet frames, each with the side that it came in
// by. It knows nothing of flows.
//
// It reads both formats itself: gopacket's reader has times with a resolution of
// a power of two wrong, and refuses a whole file for a packet of which more was
// captured than it says it had, or for the exchanged lengths of old versions.
package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

var (
	// ErrFormat means that the file is no capture.
	ErrFormat = errors.New("it is not a pcap or pcapng file")
	// ErrBroken means that the rest of the file makes no sense, or is not
	// there. What came before it is good.
	ErrBroken = errors.New("the file is damaged or truncated")
)

// Frame is one packet as Ethernet carries it.
type Frame struct {
	// Time is when it was captured, zero where the file does not say.
	Time time.Time
	// Side is 0 or 1: the interface in captures of several, otherwise 0 for
	// the first sender and all that stands on its side.
	Side int
	// SideKnown: the capture has several interfaces, and each shows only what
	// came in by it. Otherwise Side is a guess.
	SideKnown bool
	// Data is valid until the next frame is read.
	Data []byte
}

// Skipped counts the packets that carry nothing which can be read.
type Skipped struct {
	// Links has how many were of each link type that is not read.
	Links map[int]int
	// Empty is how many of the others carry no IP: control frames, and what is
	// encrypted, aggregated or cut off.
	Empty int
	// Short is how many were captured without the whole of their headers.
	Short int
}

// Reader reads one capture.
type Reader struct {
	source source
	ng     *pcapngFile
	number int
	// last is the time of the packet before.
	last    time.Time
	skipped Skipped
	sides   sides
	frame   []byte
	// bothWays: an interface of several shows both directions of a conversation.
	bothWays bool
	senders  senders
	// big is a packet of which pieces are left, and how they came in.
	big      big
	bigFrame Frame
}

const magicPcapng = "\x0a\x0d\x0d\x0a"

// NewReader reads the head of a capture. Its error wraps [ErrFormat] where that
// makes no sense.
func NewReader(r io.Reader) (*Reader, error) {
	in, err := decompress(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, err
	}
	c := &Reader{skipped: Skipped{Links: map[int]int{}}, sides: sides{}, last: time.Unix(0, 0).UTC()}
	if magic, _ := in.Peek(4); string(magic) == magicPcapng {
		c.ng, err = newPcapng(in)
		c.source = c.ng
	} else {
		c.source, err = newPcap(in)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// headError leaves a file that could not be read apart from one that was.
func headError(err error) error {
	var from interface{ Timeout() bool } // as *os.PathError is
	switch {
	case errors.As(err, &from) || errors.Is(err, context.Canceled) || errors.Is(err, ErrBroken):
		return err
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it is empty", ErrFormat)
	}
	return ErrFormat
}

// Interfaces returns the names of the first two interfaces of the capture whose
// packets can be read, as far as they are known by now.
func (r *Reader) Interfaces() (names [2]string) {
	if r.ng == nil {
		return names
	}
	n := 0
	for i := range r.ng.ifaces {
		if iface := &r.ng.ifaces[i]; readable(iface.link) && n < len(names) {
			names[n] = iface.name
			n++
		}
	}
	return names
}

// Skipped returns what was passed over so far.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Next returns the next frame, io.EOF at the end, and an error that wraps
// [ErrBroken] where reading cannot go on. It passes over packets that it cannot
// read.
func (r *Reader) Next() (Frame, error) {
	if piece := r.big.next(); piece != nil {
		f := r.bigFrame
		f.Data = piece
		return f, nil
	}
	for {
		p, err := r.source.next()
		if errors.Is(err, io.EOF) {
			return Frame{}, io.EOF
		}
		if err != nil {
			return Frame{}, r.broken(err)
		}
		r.number++
		if !p.time.IsZero() {
			r.last = p.time
		}
		if f, ok := r.read(&p); ok {
			return f, nil
		}
	}
}

// broken says where the file makes no sense, and why if the reason is not that
// it ends there.
func (r *Reader) broken(err error) error {
	if errors.Is(err, ErrBroken) {
		return fmt.Errorf("after packet %d: %w", r.number, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("after packet %d: %w", r.number, ErrBroken)
	}
	return fmt.Errorf("after packet %d: %w: %w", r.number, ErrBroken, err)
}

// read makes an Ethernet frame of a packet; not ok if there is none in it.
func (r *Reader) read(p *record) (f Frame, ok bool) {
	if !readable(p.link) {
		r.skipped.Links[p.link]++
		return f, false
	}
	if r.frame = links[p.link](r.frame[:0], p); len(r.frame) == 0 {
		r.skipped.Empty++
		return f, false
	}
	side, known := r.side(p)
	if r.frame, ok = restore(r.frame, p.length-len(p.data)); !ok {
		r.skipped.Short++
		return f, false
	}
	f = Frame{Time: r.last, Side: side, SideKnown: known, Data: r.frame}
	if piece := r.pieces(f); piece != nil {
		f.Data = piece
	}
	return f, true
}

// pieces returns the first piece of a frame that is too long for one, and keeps
// the others for later; nil for other frames.
func (r *Reader) pieces(f Frame) []byte {
	b, ok := newBig(f.Data)
	if !ok {
		return nil
	}
	b.piece = r.big.piece
	r.big, r.bigFrame = b, f
	return r.big.next()
}
