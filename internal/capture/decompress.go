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
	{"xz", xzMagic, newXZ},
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
		return bufio.NewReaderSize(&decompressed{plain: plain, format: f.name}, 1<<16), nil
	}
	return in, nil
}

// decompressed says of an error that it is in the compressed file, and again to
// whoever asks once more.
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
