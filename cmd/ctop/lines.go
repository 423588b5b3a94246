package main

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"
)

// flushInterval is how long a line may wait for others to be written with.
const flushInterval = 50 * time.Millisecond

// lineWriter gathers lines and writes them together, but soon: a burst of
// events does not cost a system call each, and a single one does not wait.
type lineWriter struct {
	// abort ends what makes the lines, once they cannot be written.
	abort context.CancelCauseFunc

	mu     sync.Mutex
	buffer *bufio.Writer
	err    error

	once sync.Once
	quit chan struct{}
	done chan struct{}
}

func newLineWriter(w io.Writer, abort context.CancelCauseFunc) *lineWriter {
	l := &lineWriter{
		abort: abort, buffer: bufio.NewWriterSize(w, 64<<10),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go l.flushAlways()
	return l
}

func (l *lineWriter) flushAlways() {
	defer close(l.done)
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-tick.C:
			if err := l.flush(); err != nil {
				l.abort(err)
				return
			}
		}
	}
}

func (l *lineWriter) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.buffer.Flush()
	}
	return l.err
}

// write takes one line. The error may be an earlier line's.
func (l *lineWriter) write(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.buffer.Write(line)
	}
	return l.err
}

// stop writes what is left. It may be called again.
func (l *lineWriter) stop() error {
	l.once.Do(func() { close(l.quit) })
	<-l.done
	return l.flush()
}
