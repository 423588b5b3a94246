package capture

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back compressed data may refer, in bytes. It bounds the
// memory for decompression. zstd --ultra and xz -9 need 64 MiB or more.
const maxWindow = 128 << 20

// formats are the supported compression formats, by their first bytes.
var formats = []struct {
	name, magic string
	open        func(*bufio.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", func(r *bufio.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"xz", xzMagic, newXZ},
	{"zstd", "\x28\xb5\x2f\xfd", func(r *bufio.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	}},
}

// decompress returns the content of a compressed file, and any other file
// unchanged.
func decompress(in *bufio.Reader) (*bufio.Reader, error) {
	for _, f := range formats {
		if magic, _ := in.Peek(len(f.magic)); string(magic) != f.magic {
			continue
		}
		plain, err := f.open(in)
		if err != nil {
			return nil, fmt.Errorf("%w: read it as %s: %w", ErrBroken, f.name, err)
		}
		return bufio.NewReaderSize(&decompressed{plain: plain, format: f.name}, 1<<16), nil
	}
	return in, nil
}

// decompressed marks an error as one of the compressed file, and repeats it on
// later reads.
type decompressed struct {
	plain  io.Reader
	format string
	err    error
}

func (d *decompressed) Read(p []byte) (n int, err error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err = d.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: read it as %s: %w", ErrBroken, d.format, err)
	}
	d.err = err
	return n, err
}
