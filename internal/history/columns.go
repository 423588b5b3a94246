package history

import (
	"encoding/binary"
	"math"
	"slices"
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
type writer struct {
	columns [numColumns][]byte
	// packed has what was packed of each of them, since it was long.
	packed [numColumns][]byte
	one    []byte
}

// piece is how many bytes of a column are packed together, at most some hundred more. That is
// more than the window of the packer, so shorter columns would take more room, and longer ones
// no less.
const piece = 512 << 10

func (w *writer) reset() {
	for i := range w.columns {
		w.columns[i], w.packed[i] = w.columns[i][:0], nil
	}
}

// usual is how many bytes of each column a new flow has, about.
var usual = [numColumns]int{
	colIDs: 8, colTuples: 2, colAddresses: 8, colPorts: 4, colMasks: 2, colPackets: 4, colBytes: 6, colIdle: 2, colAge: 5,
	colRates: 4, colWindows: 4, colRest: 28,
}

// grow makes room for some new flows, so that columns are not copied over and over.
func (w *writer) grow(flows int) {
	for i := range w.columns {
		w.columns[i] = slices.Grow(w.columns[i], min(flows*usual[i], piece+piece/8))
	}
}

func (w *writer) raw(c column, b ...byte) { w.columns[c] = append(w.columns[c], b...) }
func (w *writer) uint(c column, v uint64) { w.columns[c] = binary.AppendUvarint(w.columns[c], v) }
func (w *writer) int(c column, v int64)   { w.columns[c] = binary.AppendVarint(w.columns[c], v) }
func (w *writer) short(c column, v uint16) {
	w.columns[c] = binary.BigEndian.AppendUint16(w.columns[c], v)
}

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

// spill packs columns that are long: all columns of a large table would take more memory than
// what becomes of them.
func (w *writer) spill(z *zstd.Encoder) {
	for i := range w.columns {
		if len(w.columns[i]) >= piece {
			w.packColumn(i, z)
		}
	}
}

func (w *writer) packColumn(i int, z *zstd.Encoder) {
	w.one = z.EncodeAll(w.columns[i], w.one[:0])
	w.packed[i], w.columns[i] = append(w.packed[i], w.one...), w.columns[i][:0]
}

// pack returns the columns, each with its length and compressed.
func (w *writer) pack(z *zstd.Encoder) []byte {
	size := 0
	for i := range w.columns {
		w.packColumn(i, z)
		size += binary.MaxVarintLen32 + len(w.packed[i])
	}
	all := make([]byte, 0, size)
	for i := range w.packed {
		all = append(binary.AppendUvarint(all, uint64(len(w.packed[i]))), w.packed[i]...)
		w.packed[i] = nil
	}
	return all
}

// reader reads columns.
type reader [numColumns][]byte

// unpack returns the columns of a piece.
func unpack(packed []byte, z *zstd.Decoder) (*reader, error) {
	r := new(reader)
	for i := range r {
		size, n := binary.Uvarint(packed)
		one := packed[n : n+int(size)]
		packed = packed[n+int(size):]
		var err error
		if r[i], err = z.DecodeAll(one, nil); err != nil {
			return nil, err
		}
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
