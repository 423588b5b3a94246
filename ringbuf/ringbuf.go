// Package ringbuf reads typed records from a BPF ring buffer.
//
// It knows nothing of what the records mean but that each belongs to a series (a
// CPU's, say) and carries a number that counts the records of that series. A gap
// in those numbers is a record that the kernel had to drop because the buffer was
// full; the reader tells where, and how many. Records that are missing at the
// end leave no gap: they are found by what the kernel counted ([Reader.Watch]).
//
// Records come in the order in which they were reserved in the buffer. That is
// the order within each series; between them it is approximate.
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
	// Lost is how many records of the same series are missing right before
	// this one.
	Lost uint64
	// Mark means that there is no record here, and Value is zero: all that was
	// made until some instant after the mark before it has been read by now, or
	// was lost. Only a reader that watches has marks.
	Mark bool
}

// Sequence tells the series of a record, and the record's number in it.
type Sequence[T any] func(*T) (series uint32, number uint64)

// Count tells how many records of each series were ever made.
type Count func() (map[uint32]uint64, error)

// Reader reads records of type T, a struct without pointers whose layout is that
// of the C type. One goroutine may read at a time; Close may come from another.
type Reader[T any] struct {
	raw      *ringbuf.Reader
	sequence Sequence[T]
	next     map[uint32]uint64
	// count is nil where nobody watches; made is what it told at the latest
	// mark, madeAt when that was.
	count    Count
	made     map[uint32]uint64
	madeAt   time.Time
	close    sync.Once
	closeErr error
}

// NewReader returns a reader of the ring buffer. The map next holds, for each
// series, the number that its next record is expected to have; records before that
// are not missed, and a series that is not in it begins with its first record.
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

// Watch makes the reader look, now and then, at how many records were made, so
// that it finds those that are missing at the end, too, and yields marks. It is
// called before the first Records.
func (r *Reader[T]) Watch(count Count) { r.count = count }

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
			began := time.Now()
			r.raw.SetDeadline(began.Add(FlushInterval))
			err := r.raw.ReadInto(&raw)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				if !r.mark(began, yield) {
					return
				}
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
			if raw.Remaining == 0 && !r.mark(began, yield) {
				return
			}
		}
	}
}

// mark is called when the buffer was empty, which was after the given time. What
// had been made a while before that and is not read by now will not come any
// more: whoever makes a record takes no such time from counting it to writing it.
func (r *Reader[T]) mark(empty time.Time, yield func(Record[T], error) bool) bool {
	if r.count == nil || empty.Sub(r.madeAt) < FlushInterval {
		return true
	}
	var lost uint64
	for series, made := range r.made {
		if next, known := r.next[series]; known && made > next {
			lost += made - next
		}
		r.next[series] = max(made, r.next[series])
	}
	if r.made != nil && !yield(Record[T]{Lost: lost, Mark: true}, nil) {
		r.made = nil // whoever reads on begins with a count
		return false
	}
	made, err := r.count()
	if err != nil {
		return yield(Record[T]{}, fmt.Errorf("count records: %w", err))
	}
	r.made, r.madeAt = made, time.Now()
	return true
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

// gap counts the record in and returns how many of its series were skipped.
func (r *Reader[T]) gap(value *T) uint64 {
	series, number := r.sequence(value)
	next, known := r.next[series]
	if known && number < next {
		return 0
	}
	r.next[series] = number + 1
	if !known {
		return 0
	}
	return number - next
}
