package capture

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads the .xz container, The .xz File Format 1.2.1, and uses the
// library for LZMA2. The library's own container reader allocates any
// dictionary that a block requests, up to 4 GiB.
type xzReader struct {
	in *bufio.Reader
	// read counts the bytes read from the block.
	read int64
	// check is the type of the stream's checksums, and sum the block's
	// checksum.
	check byte
	sum   hash.Hash
	block io.Reader
}

// The parts of the container.
const (
	xzMagic            = "\xfd7zXZ\x00"
	xzFooterMagic      = "YZ"
	xzStreamHeader     = 12
	xzStreamFooter     = 12
	xzFilters          = 0x03
	xzCompressedSize   = 0x40
	xzUncompressedSize = 0x80
	xzLZMA2            = 0x21
)

// xzChecks are the checksum sizes of each type, section 2.1.1.2.
var xzChecks = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

var errXZ = errors.New("its structure is invalid")

func newXZ(in *bufio.Reader) (io.Reader, error) {
	r := &xzReader{in: in}
	return r, r.beginStream()
}

func (r *xzReader) beginStream() error {
	var head [xzStreamHeader]byte
	if err := r.full(head[:]); err != nil {
		return err
	}
	if string(head[:6]) != xzMagic || head[6] != 0 || head[7] > 15 {
		return errXZ
	}
	r.check = head[7]
	return nil
}

// Read implements io.Reader.
func (r *xzReader) Read(p []byte) (int, error) {
	for {
		if r.block == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.block.Read(p)
		if r.sum != nil {
			r.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			r.block = nil
			err = r.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next opens the next block, of this or a later stream. It returns io.EOF at
// the end.
func (r *xzReader) next() error {
	for {
		r.read = 0
		size, err := r.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		if size != 0 {
			return r.beginBlock(int(size)*4 + 3)
		}
		if err := r.endStream(); err != nil {
			return err
		}
		if err := r.skipPadding(); err != nil {
			return err
		}
		if err := r.beginStream(); err != nil {
			return err
		}
	}
}

// beginBlock reads the rest of a block's header.
func (r *xzReader) beginBlock(rest int) error {
	head := make([]byte, rest)
	if err := r.full(head); err != nil {
		return err
	}
	size, err := xzDictionary(head)
	if err != nil {
		return err
	}
	if size > maxWindow {
		return fmt.Errorf("its dictionary of %d MiB exceeds the limit of %d", size>>20, maxWindow>>20)
	}
	r.read, r.sum = 0, newXZSum(r.check)
	r.block, err = lzma.Reader2Config{DictCap: max(int(size), lzma.MinDictCap)}.NewReader2(r.source())
	return err
}

// newXZSum returns the hash of a block's checksum. It returns nil for unknown
// types, whose checksums are skipped.
func newXZSum(check byte) hash.Hash {
	switch check {
	case 1:
		return crc32.NewIEEE()
	case 4:
		return crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		return sha256.New()
	}
	return nil
}

// endBlock reads the padding and the checksum after a block.
func (r *xzReader) endBlock() error {
	var tail [3 + 64]byte
	padding := int(-r.read & 3)
	rest := tail[:padding+xzChecks[r.check]]
	if err := r.full(rest); err != nil {
		return err
	}
	if r.sum == nil {
		return nil
	}
	want := r.sum.Sum(nil)
	if r.check != 10 { // checksums of four and eight bytes are little endian
		for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
			want[i], want[j] = want[j], want[i]
		}
	}
	if !bytes.Equal(rest[padding:], want) {
		return errors.New("a checksum is wrong")
	}
	return nil
}

// endStream reads the rest of the index, after its first byte, and the footer.
func (r *xzReader) endStream() error {
	r.read = 1
	records, err := binary.ReadUvarint(r)
	if err != nil {
		return cutOff(err)
	}
	for range records {
		for range 2 {
			if _, err := binary.ReadUvarint(r); err != nil {
				return cutOff(err)
			}
		}
	}
	tail := make([]byte, int(-r.read&3)+4+xzStreamFooter)
	if err := r.full(tail); err != nil {
		return err
	}
	if string(tail[len(tail)-2:]) != xzFooterMagic {
		return errXZ
	}
	return nil
}

// skipPadding skips zeros between streams.
func (r *xzReader) skipPadding() error {
	for {
		b, err := r.in.Peek(1)
		if err != nil {
			return err // io.EOF here is the end of the file
		}
		if b[0] != 0 {
			return nil
		}
		_, _ = r.in.Discard(1) // it is there
	}
}

// source reads the data of a block.
func (r *xzReader) source() io.Reader { return xzSource{r} }

type xzSource struct{ r *xzReader }

func (s xzSource) Read(p []byte) (int, error) {
	n, err := s.r.in.Read(p)
	s.r.read += int64(n)
	return n, err
}

func (s xzSource) ReadByte() (byte, error) { return s.r.ReadByte() }

// ReadByte implements io.ByteReader.
func (r *xzReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.read++
	}
	return b, err
}

func (r *xzReader) full(p []byte) error {
	n, err := io.ReadFull(r.in, p)
	r.read += int64(n)
	return cutOff(err)
}

// cutOff turns io.EOF into io.ErrUnexpectedEOF.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// xzDictionary returns the size of a block's dictionary from its header after
// the first byte, sections 3.1 and 5.3.1. LZMA2 is the only supported filter.
func xzDictionary(head []byte) (uint64, error) {
	flags, rest := head[0], head[1:]
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
	id, size := number(), number()
	if flags&xzFilters != 0 || id != xzLZMA2 || size != 1 || len(rest) == 0 || rest[0] > 40 {
		return 0, errors.New("it uses filters other than LZMA2")
	}
	bits := rest[0]
	if bits == 40 {
		return 1<<32 - 1, nil
	}
	return (2 | uint64(bits)&1) << (bits/2 + 11), nil
}
