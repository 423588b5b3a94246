package ringbuf

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// recordTimeout is how long a test waits for a record that should come at once.
const recordTimeout = time.Minute

// read reads n records, including errors.
func read(t *testing.T, r *Reader[record], n int) (records []Record[record], errs []error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recordTimeout)
	defer cancel()
	for rec, err := range r.Records(ctx) {
		if err != nil {
			if errs = append(errs, err); rec.Value != (record{}) || rec.Lost != 0 || rec.Mark {
				t.Errorf("with %v comes %+v", err, rec)
			}
		} else {
			records = append(records, rec)
		}
		if len(records)+len(errs) == n {
			return records, errs
		}
	}
	t.Fatalf("%d records and %d errors, want %d", len(records), len(errs), n)
	return nil, nil
}

func open(t *testing.T, p *producer, next map[uint32]uint64) *Reader[record] {
	t.Helper()
	r, err := NewReader(p.ring, sequenceOf, next)
	ok(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// sent is the CPU and number of a record, and how many are missing before it.
type sent struct {
	cpu    uint32
	number uint64
	lost   uint64
}

func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name string
		next map[uint32]uint64
		sent []sent
	}{
		{"none", nil, []sent{{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}},
		{"a CPU begins anywhere", nil, []sent{{0, 41, 0}, {0, 42, 0}, {3, 7, 0}, {3, 8, 0}}},
		{"in the middle", nil, []sent{{0, 0, 0}, {0, 5, 4}, {0, 6, 0}}},
		{"each CPU for itself", nil, []sent{{0, 0, 0}, {1, 9, 0}, {0, 2, 1}, {1, 10, 0}, {1, 13, 2}}},
		{"before the first", map[uint32]uint64{0: 10, 1: 20}, []sent{{0, 13, 3}, {1, 20, 0}, {2, 5, 0}}},
		{"older than expected", map[uint32]uint64{0: 10}, []sent{{0, 8, 0}, {0, 9, 0}, {0, 10, 0}, {0, 12, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProducer(t, 4096, wakeup)
			r := open(t, p, c.next)
			for _, s := range c.sent {
				p.send(p.write, s.cpu, s.number)
			}
			records, errs := read(t, r, len(c.sent))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			var got []sent
			for _, rec := range records {
				got = append(got, sent{rec.Value.CPU, rec.Value.Number, rec.Lost})
			}
			if !slices.Equal(got, c.sent) {
				t.Errorf("got %v, want %v", got, c.sent)
			}
		})
	}
}

// Records that do not fit are reported as lost, at their place.
func TestFullBuffer(t *testing.T) {
	const room, attempts = 4096 / (recordSize + 8), 1000
	p := newProducer(t, 4096, noWakeup)
	r := open(t, p, nil)
	for i := range uint64(attempts) {
		p.send(p.write, 0, i)
	}
	// The kernel keeps one byte free, hence one record.
	records, _ := read(t, r, room)
	p.send(p.write, 0, attempts)
	more, _ := read(t, r, 1)
	last := records[len(records)-1].Value.Number
	if more[0].Lost != attempts-1-last || last+1 != room {
		t.Errorf("%d lost after record %d", more[0].Lost, last)
	}
}

// Records that are missing at the end are found by the count.
func TestMissingAtTheEnd(t *testing.T) {
	p := newProducer(t, 4096, wakeup)
	r := open(t, p, map[uint32]uint64{0: 0, 1: 7})
	made := map[uint32]uint64{0: 1, 1: 7}
	r.Watch(func() (map[uint32]uint64, error) { return maps.Clone(made), nil })
	p.send(p.write, 0, 0)
	records, _ := read(t, r, 2)
	if records[0].Mark || records[0].Lost != 0 || !records[1].Mark || records[1].Lost != 0 {
		t.Fatalf("records %+v", records)
	}
	made[0], made[1] = 4, 9
	var lost uint64
	for range 5 {
		more, _ := read(t, r, 1)
		lost += more[0].Lost
	}
	p.send(p.write, 0, 5)
	for range 3 {
		more, _ := read(t, r, 1)
		lost += more[0].Lost
	}
	if lost != 3+2+1 {
		t.Errorf("%d lost, want 6", lost)
	}
}

// Readers look at the same moments or up to a millisecond after, to which the kernel rounds
// down what they wait, and never before: they would ask again and again until then.
func TestFlushAfter(t *testing.T) {
	const last = FlushInterval - time.Millisecond/2
	at := time.Unix(1000, 0)
	for after, moment := range map[time.Duration]time.Duration{
		0: FlushInterval, 1: FlushInterval, 80 * time.Microsecond: FlushInterval, last: FlushInterval,
		FlushInterval - 1: FlushInterval, FlushInterval: 2 * FlushInterval, FlushInterval + last: 2 * FlushInterval,
	} {
		now := at.Add(after)
		wait := flushAfter(now).Sub(now).Truncate(time.Millisecond)
		if late := after + wait - moment; late < 0 || late >= time.Millisecond {
			t.Errorf("who has read everything after %s waits %s, until %s after %s", after, wait, late, moment)
		}
	}
}

// The first of the records that wait, and only that one, is fresh: its reader has just seen
// the buffer empty. Only behind the last one nothing waits.
func TestFresh(t *testing.T) {
	p := newProducer(t, 4096, wakeup)
	r := open(t, p, nil)
	for range 2 {
		for n := range uint64(3) {
			p.send(p.write, 0, n)
		}
		records, _ := read(t, r, 3)
		for i, record := range records {
			if record.Fresh != (i == 0) {
				t.Errorf("record %d is fresh: %t", i, record.Fresh)
			}
			if record.Last != (i == len(records)-1) {
				t.Errorf("record %d is the last one: %t", i, record.Last)
			}
		}
	}
}

// A record of a wrong size is an error. The records around it are read.
func TestSizes(t *testing.T) {
	p := newProducer(t, 4096, wakeup)
	r := open(t, p, nil)
	p.send(p.write, 0, 1)
	for _, size := range []int16{1, 8, 15, 24, 400} {
		p.send(p.program(p.output(size, wakeup)), 0, 2)
	}
	p.send(p.program(p.discard()), 0, 3)
	p.send(p.write, 0, 2)
	records, errs := read(t, r, 7)
	if len(records) != 2 || records[1].Value.Number != 2 || records[1].Lost != 0 {
		t.Errorf("records %+v", records)
	}
	for _, err := range errs {
		if !errors.Is(err, ErrSize) {
			t.Errorf("error %v is not ErrSize", err)
		}
	}
	if len(errs) != 5 {
		t.Errorf("%d errors, want 5", len(errs))
	}
}

// A record may end early, where the reader was told so. The rest of it is zero.
func TestShort(t *testing.T) {
	p := newProducer(t, 4096, wakeup)
	r := open(t, p, nil)
	r.Short(8)
	p.send(p.write, 3, 1)
	p.send(p.program(p.output(8, wakeup)), 3, 5)
	for _, size := range []int16{7, 24} {
		p.send(p.program(p.output(size, wakeup)), 3, 6)
	}
	records, errs := read(t, r, 4)
	want := []record{{Number: 1, CPU: 3}, {Number: 5}}
	if len(records) != 2 || records[0].Value != want[0] || records[1].Value != want[1] {
		t.Errorf("records %+v, want %+v", records, want)
	}
	if len(errs) != 2 || !errors.Is(errs[0], ErrSize) || !errors.Is(errs[1], ErrSize) {
		t.Errorf("errors %v", errs)
	}
}

// Records that do not wake the reader are read soon. One of many tries is enough, so that a
// busy machine does not matter.
func TestFlush(t *testing.T) {
	p := newProducer(t, 4096, noWakeup)
	r := open(t, p, nil)
	var took time.Duration
	for number, deadline := uint64(0), time.Now().Add(recordTimeout); time.Now().Before(deadline); number++ {
		started := time.Now()
		go func() {
			time.Sleep(3 * FlushInterval / 2)
			p.send(p.write, 0, number)
		}()
		read(t, r, 1)
		if took = time.Since(started); took < FlushInterval {
			t.Fatalf("read after %s, before it was sent", took)
		}
		if took < 4*FlushInterval {
			return
		}
	}
	t.Errorf("read after %s", took)
}

// Records ends without an error when its context is done or the reader is closed, also
// while it waits. It may be called again.
func TestEnd(t *testing.T) {
	for name, end := range map[string]func(r *Reader[record], cancel func()){
		"cancel": func(_ *Reader[record], cancel func()) { cancel() },
		"close":  func(r *Reader[record], _ func()) { _ = r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProducer(t, 4096, wakeup)
			r := open(t, p, nil)
			ctx, cancel := context.WithTimeout(t.Context(), recordTimeout)
			defer cancel()
			time.AfterFunc(2*FlushInterval, func() { end(r, cancel) })
			started := time.Now()
			for rec, err := range r.Records(ctx) {
				t.Errorf("%+v, %v", rec, err)
			}
			if time.Since(started) >= recordTimeout {
				t.Error("it did not end")
			}
			for rec, err := range r.Records(t.Context()) {
				t.Errorf("after the end: %+v, %v", rec, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A caller that stops may read on from there.
func TestBreak(t *testing.T) {
	p := newProducer(t, 4096, wakeup)
	r := open(t, p, nil)
	for i := range uint64(6) {
		p.send(p.write, 0, i)
	}
	for i := range uint64(3) {
		records, _ := read(t, r, 2)
		if records[0].Value.Number != 2*i || records[1].Value.Number != 2*i+1 || records[0].Lost+records[1].Lost != 0 {
			t.Errorf("round %d: %+v", i, records)
		}
	}
}

// No sample is read beyond its end.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, recordSize))
	f.Add(make([]byte, recordSize+7))
	f.Add(make([]byte, recordSize+8))
	f.Fuzz(func(t *testing.T, sample []byte) {
		r := &Reader[record]{sequence: sequenceOf, next: map[uint32]uint64{}}
		var rec Record[record]
		err := r.decode(&rec, sample)
		fits := len(sample) >= recordSize && len(sample) < recordSize+8
		if fits != (err == nil) {
			t.Fatalf("%d bytes: %v", len(sample), err)
		}
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&rec.Value)), recordSize)
		if fits && string(raw) != string(sample[:recordSize]) {
			t.Fatalf("%x became %x", sample, raw)
		}
	})
}

// Decoding a record allocates nothing: there may be a million in a second.
func TestDecodeAllocatesNothing(t *testing.T) {
	r := &Reader[record]{sequence: sequenceOf, next: map[uint32]uint64{}}
	var rec Record[record]
	sample := make([]byte, recordSize)
	if n := testing.AllocsPerRun(100, func() { _ = r.decode(&rec, sample) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
