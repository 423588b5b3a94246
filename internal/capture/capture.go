// Package capture reads pcap and pcapng captures, optionally compressed with
// gzip, bzip2, xz or zstd, as Ethernet frames. Each frame has the side on which
// it arrived. The package does not know about flows.
//
// It parses both formats itself. gopacket's reader returns wrong times for
// resolutions that are a power of two. It also rejects a whole file because of
// one packet whose captured length exceeds its length, or because of the
// swapped lengths of old versions.
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
	// ErrFormat means that the file is not a capture.
	ErrFormat = errors.New("it is not a pcap or pcapng file")
	// ErrBroken means that the rest of the file is damaged or missing. The part
	// before it is valid.
	ErrBroken = errors.New("the file is damaged or truncated")
)

// Frame is one packet as an Ethernet frame.
type Frame struct {
	// Time is the capture time, zero if the file has none.
	Time time.Time
	// Side is 0 or 1. In a capture of several interfaces it is the interface.
	// Otherwise 0 is the side of the first sender.
	Side int
	// SideKnown is true if the capture has several interfaces and each shows
	// only the packets that arrive there. Otherwise Side is a guess.
	SideKnown bool
	// Data is valid until the next frame is read.
	Data []byte
}

// Skipped counts the packets that could not be read.
type Skipped struct {
	// Links counts the packets of each unsupported link type.
	Links map[int]int
	// Empty counts other packets without IP: control frames, and encrypted,
	// aggregated or truncated ones.
	Empty int
	// Short counts packets captured without all of their headers.
	Short int
}

// Reader reads one capture.
type Reader struct {
	source source
	ng     *pcapngFile
	number int
	// last is the time of the previous packet.
	last    time.Time
	skipped Skipped
	sides   sides
	frame   []byte
	// bothWays is true if one of several interfaces shows both directions of a
	// conversation.
	bothWays bool
	senders  senders
	// big is a packet with pieces left, and the side on which they arrived.
	big      big
	bigFrame Frame
}

const magicPcapng = "\x0a\x0d\x0d\x0a"

// NewReader reads the header of a capture. Its error wraps [ErrFormat] if the
// header is invalid.
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

// headError distinguishes a file that could not be read from one with an
// invalid header.
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

// Interfaces returns the names, if known so far, of the first two interfaces
// with readable packets.
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

// Watched reports whether the capture is of interfaces that were watched, as far as it is
// known: there is one, or one of several shows both directions. name is that of the only
// one, if it has a name.
func (r *Reader) Watched() (name string, watched bool) {
	if r.ng == nil {
		return "", false
	}
	n := 0
	for i := range r.ng.ifaces {
		if iface := &r.ng.ifaces[i]; readable(iface.link) {
			name = iface.name
			n++
		}
	}
	if n != 1 {
		return "", r.bothWays
	}
	return name, name != ""
}

// Skipped returns the packets skipped so far.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Next returns the next frame, or io.EOF at the end. Its error wraps
// [ErrBroken] if the rest cannot be read. It skips unreadable packets.
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

// broken adds the place of a fault in the file to its error, and the reason
// unless the file just ends there.
func (r *Reader) broken(err error) error {
	if errors.Is(err, ErrBroken) {
		return fmt.Errorf("after packet %d: %w", r.number, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("after packet %d: %w", r.number, ErrBroken)
	}
	return fmt.Errorf("after packet %d: %w: %w", r.number, ErrBroken, err)
}

// read converts a packet to an Ethernet frame. ok is false if it contains none.
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
	fillLength(r.frame)
	f = Frame{Time: r.last, Side: side, SideKnown: known, Data: r.frame}
	if piece := r.pieces(f); piece != nil {
		f.Data = piece
	}
	return f, true
}

// pieces returns the first piece of a frame that is too long, and stores the
// rest. It returns nil for other frames.
func (r *Reader) pieces(f Frame) []byte {
	b, ok := newBig(f.Data)
	if !ok {
		return nil
	}
	b.piece = r.big.piece
	r.big, r.bigFrame = b, f
	return r.big.next()
}
