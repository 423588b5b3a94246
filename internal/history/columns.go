package history

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"
)

// column is the place of values of one kind. Values that resemble each other compress
// better.
type column uint8

const (
	colRuns column = iota
	colGaps
	colMasks
	colIDs
	colTuples
	colAddresses
	colPorts
	colTags
	colPackets
	colBytes
	colIdle
	colAge
	colRates
	colWindows
	colRest
	numColumns
)

// writer writes columns.
type writer [numColumns][]byte

func (w *writer) reset() {
	for i := range w {
		w[i] = w[i][:0]
	}
}

func (w *writer) raw(c column, b ...byte)  { w[c] = append(w[c], b...) }
func (w *writer) uint(c column, v uint64)  { w[c] = binary.AppendUvarint(w[c], v) }
func (w *writer) int(c column, v int64)    { w[c] = binary.AppendVarint(w[c], v) }
func (w *writer) short(c column, v uint16) { w[c] = binary.BigEndian.AppendUint16(w[c], v) }
func (w *writer) rate(c column, v float64) {
	w.uint(c, uint64(math.Float32bits(float32(v))+rateHalf)>>rateBits)
}

func (w *writer) span(c column, d time.Duration) {
	if d%time.Millisecond == 0 {
		w.int(c, int64(d/time.Millisecond)<<1)
		return
	}
	w.int(c, int64(d)<<1|1)
}

// rateBits are the bits that a rate loses of the 23 behind the point, rateHalf rounds.
const (
	rateBits = 10
	rateHalf = 1 << (rateBits - 1)
)

// pack returns the columns in one piece, compressed.
func (w *writer) pack(z *zstd.Encoder) []byte {
	size := 0
	for i := range w {
		size += len(w[i]) + binary.MaxVarintLen32
	}
	plain := make([]byte, 0, size)
	for i := range w {
		plain = binary.AppendUvarint(plain, uint64(len(w[i])))
	}
	for i := range w {
		plain = append(plain, w[i]...)
	}
	packed := z.EncodeAll(plain, make([]byte, 0, len(plain)/2))
	return append(make([]byte, 0, len(packed)), packed...)
}

// reader reads columns.
type reader [numColumns][]byte

// unpack returns the columns of a piece.
func unpack(packed []byte, z *zstd.Decoder) (*reader, error) {
	plain, err := z.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	var sizes [numColumns]int
	for i := range sizes {
		size, n := binary.Uvarint(plain)
		sizes[i], plain = int(size), plain[n:]
	}
	r := new(reader)
	for i, size := range sizes {
		r[i], plain = plain[:size], plain[size:]
	}
	return r, nil
}

func (r *reader) raw(c column, n int) []byte {
	b := r[c][:n]
	r[c] = r[c][n:]
	return b
}

func (r *reader) uint(c column) uint64 {
	v, n := binary.Uvarint(r[c])
	r[c] = r[c][n:]
	return v
}

func (r *reader) int(c column) int64 {
	v, n := binary.Varint(r[c])
	r[c] = r[c][n:]
	return v
}

func (r *reader) byte(c column) byte    { return r.raw(c, 1)[0] }
func (r *reader) short(c column) uint16 { return binary.BigEndian.Uint16(r.raw(c, 2)) }
func (r *reader) small(c column) uint16 { return uint16(r.uint(c)) }
func (r *reader) rate(c column) float64 {
	return float64(math.Float32frombits(uint32(r.uint(c)) << rateBits))
}

func (r *reader) span(c column) time.Duration {
	v := r.int(c)
	if v&1 == 0 {
		return time.Duration(v>>1) * time.Millisecond
	}
	return time.Duration(v >> 1)
}
