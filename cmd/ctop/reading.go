package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"ctop/internal/format"
)

// chunk is what one read of a file returned.
type chunk struct {
	data []byte
	err  error
}

// patientReader reads a file that may keep it waiting, such as a pipe, and stops
// when its context ends. The read that is under way then goes on by itself: no
// signal interrupts it.
type patientReader struct {
	ctx    context.Context
	chunks chan chunk
	free   chan []byte
	// now is the chunk that is being read from, rest what is left of it.
	now  chunk
	rest []byte
	read atomic.Int64
}

// readChunk is how much is read at once, in bytes.
const readChunk = 1 << 17

func newPatientReader(ctx context.Context, in io.Reader) *patientReader {
	r := &patientReader{ctx: ctx, chunks: make(chan chunk, 2), free: make(chan []byte, 2)}
	for range cap(r.free) {
		r.free <- make([]byte, readChunk)
	}
	go r.fetch(in)
	return r
}

// fetch reads ahead by one chunk.
func (r *patientReader) fetch(in io.Reader) {
	for {
		var buffer []byte
		select {
		case buffer = <-r.free:
		case <-r.ctx.Done():
			return
		}
		n, err := in.Read(buffer)
		r.chunks <- chunk{buffer[:n], err} // there is room for every buffer
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader. It returns the context's error once that has ended.
func (r *patientReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.now.err != nil {
			return 0, r.now.err
		}
		if r.now.data != nil {
			r.free <- r.now.data[:readChunk]
			r.now.data = nil
		}
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// wait waits for the next chunk. One that is there comes before an interrupt.
func (r *patientReader) wait() error {
	select {
	case r.now = <-r.chunks:
	default:
		select {
		case r.now = <-r.chunks:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
	r.rest = r.now.data
	r.read.Add(int64(len(r.rest)))
	return nil
}

// progress says on a terminal how far a long replay has come.
type progress struct {
	to   io.Writer
	name string
	in   *patientReader
	// size is that of the file, 0 where it is not known.
	size  int64
	next  time.Time
	shown bool
}

// progressEvery is how often it says so. What takes less says nothing.
const progressEvery = time.Second / 2

// newProgress returns nil where stderr is no terminal.
func (e env) newProgress(name string, file any, in *patientReader) *progress {
	if !isTerminal(e.stderr) {
		return nil
	}
	p := &progress{to: e.stderr, name: name, in: in, next: time.Now().Add(progressEvery)}
	if f, ok := file.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			p.size = info.Size()
		}
	}
	return p
}

// tell is called after every packet.
func (p *progress) tell(packets int) {
	if p == nil || packets%256 != 0 || time.Now().Before(p.next) {
		return
	}
	p.next, p.shown = time.Now().Add(progressEvery), true
	share := ""
	if p.size > 0 {
		share = fmt.Sprintf(", %d %% of the file", 100*p.in.read.Load()/p.size)
	}
	_, _ = fmt.Fprintf(p.to, "\r\x1b[Kctop: replaying %s: %s%s", p.name, format.Plural(packets, "packet"), share) // only for the eye
}

// end removes what was said.
func (p *progress) end() {
	if p != nil && p.shown {
		_, _ = io.WriteString(p.to, "\r\x1b[K")
	}
}
