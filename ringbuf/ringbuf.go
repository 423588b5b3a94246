// Package ringbuf reads typed records from a BPF ring buffer.
//
// Each record belongs to a series, for example that of a CPU, and has a number that
// counts the records of its series. A gap in the numbers means that the kernel dropped
// records because the buffer was full. The reader reports where, and how many. Records
// that are missing at the end leave no gap. With [Reader.Watch] the reader finds them by
// the kernel's own count.
//
// Records arrive in the order in which they were reserved in the buffer. This order is
// exact within a series and approximate between series.
package ringbuf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// FlushInterval is how long a record may wait in the buffer: the kernel wakes the reader
// only when enough records wait. Readers look at the same moments, so that a program with
// several is woken once for all of them.
const FlushInterval = 50 * time.Millisecond

// ErrSize means that the size of a record is not that of its type.
var ErrSize = errors.New("record of another size")

// Record is one record, and the number of those missing before it.
type Record[T any] struct {
	Value T
	// Lost is how many records of the same series are missing directly before
	// this one. For a mark, it is how many are missing at the ends of all series.
	Lost uint64
	// Mark means that this is no record, and Value is zero. All records from
	// before some instant after the previous mark have been read by now, or were
	// lost. Only a reader with Watch yields marks.
	Mark bool
	// Fresh means that the reader had read all that waited before, and looked again. Last
	// means that nothing waited behind the record.
	Fresh, Last bool
}

// Sequence returns the series of a record, and its number in the series.
type Sequence[T any] func(*T) (series uint32, number uint64)

// Count returns how many records of each series were ever made.
type Count func() (map[uint32]uint64, error)

// Reader reads records of type T, a struct without pointers whose layout is that
// of the C type. One goroutine may read at a time; Close may come from another.
type Reader[T any] struct {
	raw      *ringbuf.Reader
	sequence Sequence[T]
	next     map[uint32]uint64
	// short are the sizes of records that end early.
	short []uintptr
	// count is nil without Watch. made is its result at the latest mark, and
	// madeAt the time of that.
	count    Count
	made     map[uint32]uint64
	madeAt   time.Time
	close    sync.Once
	closeErr error
}

// NewReader returns a reader of the ring buffer. next has the expected number of the
// next record of each series. Earlier records do not count as lost. A series that is not
// in next begins with its first record.
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

// Watch makes the reader call count regularly, so that it also finds records that are
// missing at the end, and yield marks. Call it before the first Records.
func (r *Reader[T]) Watch(count Count) { r.count = count }

// Short makes the reader accept records of these sizes, too: the first bytes of T. The rest
// of their values is zero. Call it before the first Records.
func (r *Reader[T]) Short(sizes ...uintptr) { r.short = sizes }

// Close ends a running Records. It may be called more than once.
func (r *Reader[T]) Close() error {
	r.close.Do(func() { r.closeErr = r.raw.Close() })
	return r.closeErr
}

// Records yields records until ctx is done or the reader is closed. Neither is an error.
// A record of a wrong size yields an error that wraps ErrSize, and the caller may read
// on.
func (r *Reader[T]) Records(ctx context.Context) iter.Seq2[Record[T], error] {
	return func(yield func(Record[T], error) bool) {
		stop := context.AfterFunc(ctx, func() { _ = r.Close() })
		defer stop()
		var raw ringbuf.Record
		var record Record[T] // reused, since it is allocated
		var began time.Time
		for {
			// The clock is read once for all records that wait in the buffer.
			fresh := raw.Remaining == 0
			if fresh {
				began = time.Now()
				r.raw.SetDeadline(flushAfter(began))
			}
			err := r.raw.ReadInto(&raw)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				raw.Remaining = 0
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
			err = r.decode(&record, raw.RawSample)
			record.Fresh, record.Last = fresh, raw.Remaining == 0
			if !yield(record, err) {
				return
			}
			if raw.Remaining == 0 && !r.mark(began, yield) {
				return
			}
		}
	}
}

// pollUnit is what the time that the kernel is asked to wait is rounded down to.
const pollUnit = time.Millisecond

// flushAfter returns the deadline of a reader that has read everything. The reader wakes up to
// a pollUnit before it, and so at one of the moments or up to a pollUnit after: one that woke
// before a moment would ask again without a wait until then.
func flushAfter(now time.Time) time.Time {
	moment := FlushInterval - time.Duration(now.UnixNano()%int64(FlushInterval))
	return now.Add(moment + pollUnit - 1)
}

// mark is called when the buffer was empty some time after empty. A record that was
// counted a FlushInterval before and is not read by now is lost: the kernel never takes
// that long between counting a record and writing it.
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
		r.made = nil // the next Records begins with a count
		return false
	}
	made, err := r.count()
	if err != nil {
		return yield(Record[T]{}, fmt.Errorf("count records: %w", err))
	}
	r.made, r.madeAt = made, time.Now()
	return true
}

// decode copies the record out of the sample and counts those missing before it.
func (r *Reader[T]) decode(record *Record[T], sample []byte) error {
	size := unsafe.Sizeof(record.Value)
	if !holds(sample, size) && !slices.ContainsFunc(r.short, func(n uintptr) bool { return holds(sample, n) }) {
		*record = Record[T]{}
		return fmt.Errorf("%w: %d bytes, not %d", ErrSize, len(sample), size)
	}
	value := unsafe.Slice((*byte)(unsafe.Pointer(&record.Value)), size)
	clear(value[copy(value, sample):])
	record.Lost = r.gap(&record.Value)
	return nil
}

// holds reports whether a sample is one of that size. The kernel rounds records up to
// eight bytes.
func holds(sample []byte, size uintptr) bool {
	return uintptr(len(sample)) >= size && uintptr(len(sample)) < size+8
}

// gap updates the series of the record and returns how many records are missing.
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
