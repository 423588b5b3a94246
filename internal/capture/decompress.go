package capture

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow is how far back compressed data may refer, in bytes: what memory it
// takes to read. zstd --ultra and xz -9 need 64 MiB or more.
const maxWindow = 128 << 20

// formats are the compressed files that are read, by what they begin with.
var formats = []struct {
	name, magic string
	open        func(*bufio.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", func(r *bufio.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"xz", "\xfd7zXZ\x00", openXZ},
	{"zstd", "\x28\xb5\x2f\xfd", func(r *bufio.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	}},
}

// decompress returns what a compressed file holds, and any other as it is.
func decompress(in *bufio.Reader) (*bufio.Reader, error) {
	for _, f := range formats {
		if magic, _ := in.Peek(len(f.magic)); string(magic) != f.magic {
			continue
		}
		plain, err := f.open(in)
		if err != nil {
			return nil, fmt.Errorf("%w: read it as %s: %w", ErrBroken, f.name, err)
		}
		return bufio.NewReaderSize(&decompressed{plain, f.name}, 1<<16), nil
	}
	return in, nil
}

// decompressed says of an error that it is in the compressed file.
type decompressed struct {
	io.Reader

	format string
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: read it as %s: %w", ErrBroken, d.format, err)
	}
	return n, err
}

// openXZ refuses a file whose first block asks for a larger dictionary than
// maxWindow, which the library would allocate.
func openXZ(r *bufio.Reader) (io.Reader, error) {
	head, _ := r.Peek(64)
	if size := xzDictionary(head); size > maxWindow {
		return nil, fmt.Errorf("its dictionary has %d MiB, more than %d", size>>20, maxWindow>>20)
	}
	return xz.NewReader(r)
}

// The parts of an xz stream that tell the size of its dictionary, as in The .xz
// File Format 1.2.1, sections 2.1.1, 3.1 and 5.3.1.
const (
	xzStreamHeader     = 12
	xzFilters          = 0x03
	xzCompressedSize   = 0x40
	xzUncompressedSize = 0x80
	xzLZMA2            = 0x21
)

// xzDictionary returns how many bytes the dictionary of a stream's first block
// has, 0 where its head does not say.
func xzDictionary(head []byte) uint64 {
	if len(head) < xzStreamHeader+2 {
		return 0
	}
	flags, rest := head[xzStreamHeader+1], head[xzStreamHeader+2:]
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		rest = rest[max(size, 0):]
		return n
	}
	for _, present := range []byte{xzCompressedSize, xzUncompressedSize} {
		if flags&present != 0 {
			number()
		}
	}
	for range flags&xzFilters + 1 {
		id, size := number(), number()
		if size > uint64(len(rest)) {
			return 0
		}
		if id == xzLZMA2 && size == 1 {
			bits := rest[0] & 0x3f
			return (2 | uint64(bits)&1) << (bits/2 + 11)
		}
		rest = rest[size:]
	}
	return 0
}
