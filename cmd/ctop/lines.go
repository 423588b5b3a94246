package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"
)

// flushInterval is how long a line may wait for further ones.
const flushInterval = 50 * time.Millisecond

// lineWriter collects lines and writes them together soon: a burst of events does not
// take a system call each, and a single event does not wait.
type lineWriter struct {
	// abort ends the source of the lines if they cannot be written.
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

// write adds a line. The error may be that of an earlier line.
func (l *lineWriter) write(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.buffer.Write(line)
	}
	return l.err
}

// stop writes the remaining lines. It may be called again.
func (l *lineWriter) stop() error {
	l.once.Do(func() { close(l.quit) })
	<-l.done
	return l.flush()
}

// stream is a sequence that is printed line by line as it comes.
type stream[T any] struct {
	head string
	// from returns the items, until the context is done.
	from func(context.Context) iter.Seq2[T, error]
	// format appends the line of an item, or nothing to omit it.
	format func([]byte, *T) []byte
	// there fails when the source is gone. It is nil if the source cannot go.
	there func() error
}

// print writes lines until ctx is done, the source is gone or nobody reads them any
// more.
func (s stream[T]) print(ctx context.Context, to io.Writer) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s.there != nil {
		go endWith(inner, cancel, s.there)
	}
	items := s.from(inner)
	lines := newLineWriter(to, cancel)
	defer func() { _ = lines.stop() }() // told below, if anybody is left to be told
	if err := lines.write([]byte(s.head)); err != nil {
		return writeFailed(err)
	}
	var line []byte
	for item, err := range items {
		if err != nil && inner.Err() == nil {
			return errors.Join(err, writeFailed(lines.stop()))
		}
		if err != nil {
			break
		}
		line = s.format(line[:0], &item)
		if err := lines.write(line); err != nil {
			return writeFailed(err)
		}
	}
	if err := writeFailed(lines.stop()); err != nil {
		return err
	}
	return whyEnded(ctx, inner)
}

// whyEnded returns why the lines ended early, nil if the caller's context is done:
// then it is an interrupt, or --for is over.
func whyEnded(outer, inner context.Context) error {
	if outer.Err() != nil {
		return nil
	}
	return context.Cause(inner)
}

// endWith cancels the context when there fails.
func endWith(ctx context.Context, cancel context.CancelCauseFunc, there func() error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := there(); err != nil {
				cancel(err)
			}
		}
	}
}
