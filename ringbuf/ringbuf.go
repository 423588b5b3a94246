// Package ringbuf reads typed records from a BPF ring buffer.
//
// It knows nothing of what the records mean but that each carries a number, and
// tells which of several counts that number is of. A gap in the numbers of one
// count is a record that the kernel had to drop because the buffer was full; the
// reader tells where, and how many.
//
// Records come in the order in which they were reserved in the buffer. Of one
// count, which nothing on its CPU interrupts that counts the same, that is the
// order of events; between counts it is approximate.
package ringbuf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// FlushInterval is how long a record may wait for others: the kernel wakes the
// reader only when enough have gathered.
const FlushInterval = 50 * time.Millisecond

// ErrSize means that the kernel sent a record of another size than the type has.
var ErrSize = errors.New("record of another size")

// Record is one record, and what is missing before it.
type Record[T any] struct {
	Value T
	// Lost is how many records of the same count are missing right before
	// this one.
	Lost uint64
}

// Sequence tells which count a record's number is of, and the number.
type Sequence[T any] func(*T) (count uint32, number uint64)

// Reader reads records of type T, a struct without pointers whose layout is that
// of the C type. One goroutine may read at a time; Close may come from another.
type Reader[T any] struct {
	raw      *ringbuf.Reader
	sequence Sequence[T]
	next     map[uint32]uint64
	close    sync.Once
	closeErr error
}

// NewReader returns a reader of the ring buffer. The map next holds, for each
// count, the number that its next record is expected to have; records before that
// are not missed, and a count that is not in it begins with its first record.
func NewReader[T any](ring *ebpf.Map, sequence Sequence[T], next map[uint32]uint64) (*Reader[T], error) {
	raw, err := ringbuf.NewReader(ring)
	if err != nil {
		return nil, fmt.Errorf("open ring buffer: %w", err)
	}
	if next == nil {
		next = map[uint32]uint64{}
	}
	return &Reader[T]{raw: raw, sequence: sequence, next: next}, nil
}

// Close ends a Records that is under way. It may be called more than once.
func (r *Reader[T]) Close() error {
	r.close.Do(func() { r.closeErr = r.raw.Close() })
	return r.closeErr
}

// Records yields records until ctx is done or the reader is closed, neither of
// which is an error. A record of a wrong size is yielded as an error that wraps
// ErrSize; reading may go on after it.
func (r *Reader[T]) Records(ctx context.Context) iter.Seq2[Record[T], error] {
	return func(yield func(Record[T], error) bool) {
		stop := context.AfterFunc(ctx, func() { _ = r.Close() })
		defer stop()
		var raw ringbuf.Record
		for {
			r.raw.SetDeadline(time.Now().Add(FlushInterval))
			err := r.raw.ReadInto(&raw)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				continue
			case errors.Is(err, ringbuf.ErrClosed):
				return
			case err != nil:
				yield(Record[T]{}, fmt.Errorf("read ring buffer: %w", err))
				return
			}
			if !yield(r.decode(raw.RawSample)) {
				return
			}
		}
	}
}

// decode copies the record out of the sample and finds what is missing before
// it.
func (r *Reader[T]) decode(sample []byte) (Record[T], error) {
	var record Record[T]
	size := int(unsafe.Sizeof(record.Value))
	// The kernel rounds records up to eight bytes.
	if len(sample) < size || len(sample) >= size+8 {
		return record, fmt.Errorf("%w: %d bytes, not %d", ErrSize, len(sample), size)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&record.Value)), size), sample)
	record.Lost = r.gap(&record.Value)
	return record, nil
}

// gap counts the record in and returns how many of its count were skipped.
func (r *Reader[T]) gap(value *T) uint64 {
	count, number := r.sequence(value)
	next, known := r.next[count]
	if known && number < next {
		return 0
	}
	r.next[count] = number + 1
	if !known {
		return 0
	}
	return number - next
}
