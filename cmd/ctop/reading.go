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

// openInterruptibly opens a file to read. It returns the context's error if the context
// ends while a pipe that nobody writes to is waited for. The wait itself then goes on: no
// signal interrupts it.
func openInterruptibly(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		file, err := os.Open(name)
		done <- opened{file, err}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// chunk is the result of one read of a file.
type chunk struct {
	data []byte
	err  error
}

// interruptibleReader reads a file that may block, such as a pipe, and stops when its
// context ends. The blocked read itself then goes on: no signal interrupts it.
type interruptibleReader struct {
	ctx    context.Context
	chunks chan chunk
	free   chan []byte
	// now is the current chunk, rest its unread part.
	now  chunk
	rest []byte
	read atomic.Int64
}

// readChunk is the size of one read, in bytes.
const readChunk = 1 << 17

func newInterruptibleReader(ctx context.Context, in io.Reader) *interruptibleReader {
	r := &interruptibleReader{ctx: ctx, chunks: make(chan chunk, 2), free: make(chan []byte, 2)}
	for range cap(r.free) {
		r.free <- make([]byte, readChunk)
	}
	go r.fetch(in)
	return r
}

// fetch reads ahead by one chunk.
func (r *interruptibleReader) fetch(in io.Reader) {
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

// Read implements io.Reader. It returns the context's error after the context has
// ended.
func (r *interruptibleReader) Read(p []byte) (int, error) {
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

// wait waits for the next chunk. A chunk that is ready comes before an interrupt.
func (r *interruptibleReader) wait() error {
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

// progress shows on a terminal how far a long replay has come.
type progress struct {
	to   io.Writer
	name string
	in   *interruptibleReader
	// size is the size of the file, 0 if it is unknown.
	size  int64
	next  time.Time
	shown bool
}

// progressEvery is the time between two updates. A shorter replay shows nothing.
const progressEvery = time.Second / 2

// newProgress returns nil if stderr is not a terminal.
func (e env) newProgress(name string, file any, in *interruptibleReader) *progress {
	to := terminalOf(e.stderr) // it draws over its line, which cleaned lines cannot
	if to == nil {
		return nil
	}
	p := &progress{to: to, name: format.Clean(name), in: in, next: time.Now().Add(progressEvery)}
	if f, ok := file.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			p.size = info.Size()
		}
	}
	return p
}

// update redraws the progress if it is time to. It is called after every packet.
func (p *progress) update(packets int) {
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

// end removes the line from the terminal.
func (p *progress) end() {
	if p != nil && p.shown {
		_, _ = io.WriteString(p.to, "\r\x1b[K")
	}
}
