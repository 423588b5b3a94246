package ipfix

import "sync"

// maxQueued is the number of records that wait for a collector, of some 200 bytes each.
const maxQueued = 1 << 15

// queued is an encoded data record.
type queued struct {
	template uint16
	data     []byte
	volume   volume
	// missing is the number of records that were dropped before this one.
	missing uint32
}

// queue holds the records for one collector. What does not fit is dropped and counted.
type queue struct {
	mu      sync.Mutex
	limit   int
	records []queued
	first   int
	missing uint32
	// wake has room for one: that there is something to send.
	wake chan struct{}
}

func newQueue() *queue { return &queue{limit: maxQueued, wake: make(chan struct{}, 1)} }

// hasRoom reports whether there is room for a record. If not, it counts as dropped.
func (q *queue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.records)-q.first < q.limit {
		return true
	}
	q.missing++
	return false
}

// push appends a record, for which there is room.
func (q *queue) push(r queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first > q.limit {
		q.records = append(q.records[:0], q.records[q.first:]...)
		q.first = 0
	}
	r.missing, q.missing = q.missing, 0
	q.records = append(q.records, r)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// skip notes that a record is missing.
func (q *queue) skip() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.missing++
}

// peek returns the first record without taking it.
func (q *queue) peek() (r queued, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.records) {
		return queued{}, false
	}
	return q.records[q.first], true
}

// pop removes the first record.
func (q *queue) pop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.records[q.first] = queued{}
	if q.first++; q.first == len(q.records) {
		q.records, q.first = q.records[:0], 0
	}
}

// waiting returns the number of records that wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.records) - q.first
}
