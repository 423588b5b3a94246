package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Output is where blocks go.
type Output interface {
	io.Writer
	// Cut removes the last bytes that were written, as far as that is possible: what
	// is left ends with a whole block.
	Cut(n int) error
}

// Files is an output that can begin another file.
type Files interface {
	Output
	// Next ends a file, and begins the next one.
	Next() error
}

// Options configures a writer. All zero values are valid.
type Options struct {
	// Application and OS are named at the beginning of a file.
	Application, OS string
	// Limit is the most bytes of a file, 0 for no limit. An output that is not [Files]
	// ends with [ErrLimit].
	Limit int64
}

// longestFilter is the most bytes of a filter, but for the first interface's: a small file
// has room for many interfaces and a packet.
const longestFilter = 256

// ErrLimit is the end of a file that is as large as it may be.
var ErrLimit = errors.New("the file is as large as it may be")

// buffered is how many bytes wait at most before they are written.
const buffered = 256 << 10

// Writer writes blocks. It is not safe for concurrent use.
type Writer struct {
	to         Output
	options    Options
	interfaces []Interface
	buffer     []byte
	// size is the size of the file with what is in the buffer, written what is on disk.
	size, written int64
	// packets are those on disk, in all files.
	packets uint64
	// statistics returns the numbers so far.
	statistics func() Statistics
	err        error
}

// NewWriter begins a file. statistics returns the numbers so far, for the end of a file. It
// is called when no packet waits to be written.
func NewWriter(to Output, o Options, statistics func() Statistics) (*Writer, error) {
	w := &Writer{to: to, options: o, statistics: statistics}
	w.begin()
	return w, w.Flush()
}

// begin begins a file with the interfaces that are known.
func (w *Writer) begin() {
	w.size, w.written = 0, 0
	w.add(appendSection(w.buffer, w.options.Application, w.options.OS))
	for i := range w.interfaces {
		w.add(appendInterface(w.buffer, &w.interfaces[i]))
	}
}

// add takes a buffer to which a block was appended.
func (w *Writer) add(with []byte) {
	w.size += int64(len(with) - len(w.buffer))
	w.buffer = with
}

// AddInterface describes an interface, and returns its index.
func (w *Writer) AddInterface(i Interface) (int, error) {
	if len(w.interfaces) > 0 && len(i.Filter) > longestFilter {
		i.Filter = i.Filter[:longestFilter] + "..."
	}
	err := w.put(func(b []byte) []byte { return appendInterface(b, &i) })
	w.interfaces = append(w.interfaces, i) // now: a file that was begun for it had it twice
	return len(w.interfaces) - 1, err
}

// Packet writes a packet.
func (w *Writer) Packet(p *Packet) error {
	return w.put(func(b []byte) []byte { return appendPacket(b, p) })
}

// put appends a block, to the next file if it does not fit into this one.
func (w *Writer) put(block func([]byte) []byte) error {
	if w.err != nil {
		return w.err
	}
	with := block(w.buffer)
	if !w.fits(with) {
		if err := w.next(); err != nil {
			return err
		}
		if with = block(w.buffer); !w.fits(with) {
			w.err = fmt.Errorf("a file of %d bytes has no room for this", w.options.Limit)
			return w.err
		}
	}
	w.add(with)
	if len(w.buffer) < buffered {
		return nil
	}
	return w.Flush()
}

// ending is the most bytes of the end of a file, longestComment of the comment there.
const (
	ending         = 512
	longestComment = 256
)

// fits reports whether the file may have a buffer to which a block was appended.
func (w *Writer) fits(with []byte) bool {
	return w.options.Limit == 0 || w.size+int64(len(with)-len(w.buffer))+ending <= w.options.Limit
}

// next ends the file and begins another one.
func (w *Writer) next() error {
	if err := w.Flush(); err != nil {
		return err
	}
	w.end()
	if err := w.Flush(); err != nil {
		return err
	}
	files, ok := w.to.(Files)
	if !ok {
		w.err = ErrLimit
		return w.err
	}
	if w.err = files.Next(); w.err == nil {
		w.begin()
	}
	return w.err
}

// end appends the statistics. They are those of all interfaces, and lie at the first.
func (w *Writer) end() {
	if len(w.interfaces) == 0 {
		return
	}
	s := w.statistics()
	s.Comment = s.Comment[:min(len(s.Comment), longestComment)]
	w.add(appendStatistics(w.buffer, 0, &s))
}

// Flush writes what is in the buffer. If that fails, the file ends with a whole block.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buffer) == 0 {
		return w.err
	}
	w.err = w.write()
	return w.err
}

// write writes the buffer, and of one that cannot be written as much as is whole.
func (w *Writer) write() error {
	n, err := w.to.Write(w.buffer)
	whole, packets := wholeBlocks(w.buffer[:n])
	if err != nil {
		_ = w.to.Cut(n - whole)
		n = whole
	}
	w.written += int64(n)
	w.packets += packets
	w.buffer = w.buffer[:0]
	if err != nil {
		w.size = w.written
	}
	return err
}

// wholeBlocks returns how many bytes of b are whole blocks, and how many of these have
// packets.
func wholeBlocks(b []byte) (n int, packets uint64) {
	for len(b)-n >= 8 {
		size := int(binary.LittleEndian.Uint32(b[n+4:]))
		if size > len(b)-n {
			break
		}
		if binary.LittleEndian.Uint32(b[n:]) == blockPacket {
			packets++
		}
		n += size
	}
	return n, packets
}

// Packets returns the number of packets that were written: those that wait to be, or
// that the disk had no room for, are not among them.
func (w *Writer) Packets() uint64 { return w.packets }

// Size returns the size of the current file.
func (w *Writer) Size() int64 { return w.size }

// Close writes the statistics and the rest. The output stays open. On a full disk the
// statistics are written if there is room for them.
func (w *Writer) Close() error {
	err := w.Flush()
	if err != nil && !isFull(err) {
		return err
	}
	w.end()
	if ending := w.write(); err == nil {
		w.err = ending
	}
	return w.err
}

// isFull reports whether an error says that there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrSpare)
}
