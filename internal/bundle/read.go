package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"ctop/internal/recording"
)

// Limits of what a bundle may have. A forged one costs no more than to read so much.
const (
	mostMembers = 10_000
	mostBytes   = 2 << 30
	// mostRatio is how often larger than the file its members may be, beyond mostPlain
	// bytes: the largest ones are packed already.
	mostRatio, mostPlain = 8, 4 << 20
)

// ErrBroken means that a bundle is damaged, or was not written by this package.
var ErrBroken = errors.New("the bundle is damaged or was not written by ctop bundle")

// peeked is how many compressed bytes say whether a file is a bundle.
const peeked = 2048

// Is reports whether r begins with a bundle.
func Is(r *bufio.Reader) bool {
	begin, _ := r.Peek(peeked)
	z, err := gzip.NewReader(bytes.NewReader(begin))
	if err != nil {
		return false
	}
	header := make([]byte, len(readme)+1)
	_, err = io.ReadFull(z, header)
	return err == nil && string(header) == readme+"\x00"
}

// Recording returns the recording in a bundle. It writes nothing to disk, and passes over
// members that it does not know.
func Recording(from io.Reader) (io.Reader, error) {
	packed := &recording.Counter{From: from}
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, ErrBroken
	}
	r := &reader{tar: tar.NewReader(&limited{Reader: z, packed: packed})}
	if err := r.next(); err != nil {
		return nil, ErrBroken
	}
	return r, nil
}

// limited is a reader that fails after some bytes, or when they are far more than those of
// the file.
type limited struct {
	io.Reader
	packed *recording.Counter
	n      int
}

func (l *limited) Read(p []byte) (int, error) {
	most := min(mostBytes, mostPlain+mostRatio*l.packed.N)
	if l.n >= most {
		return 0, ErrBroken
	}
	n, err := l.Reader.Read(p[:min(len(p), most-l.n)])
	l.n += n
	return n, err
}

// reader reads the pieces of a recording.
type reader struct {
	tar     *tar.Reader
	members int
}

// next goes to the next piece.
func (r *reader) next() error {
	for ; r.members < mostMembers; r.members++ {
		h, err := r.tar.Next()
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg && strings.HasPrefix(h.Name, pieces) {
			r.members++
			return nil
		}
	}
	return ErrBroken
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := r.tar.Read(p)
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
}
