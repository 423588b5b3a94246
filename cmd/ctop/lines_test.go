package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a stream of the numbers from 1 to n, of which odd ones are not printed.
// then is called after the last one, and its error comes last unless it is nil.
func counted(n int, then func(ctx context.Context) error) stream[int] {
	return stream[int]{
		head: "head\n",
		from: func(ctx context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range n {
					if !yield(i+1, nil) {
						return
					}
				}
				if err := then(ctx); err != nil {
					yield(0, err)
				}
			}
		},
		format: func(line []byte, n *int) []byte {
			if *n%2 == 1 {
				return line
			}
			return append(strconv.AppendInt(line, int64(*n), 10), '\n')
		},
	}
}

func done(context.Context) error { return nil }

// untilDone waits for the end of the stream's context, and returns its error as
// readers of events do.
func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A stream is printed up to its end, and what it ends with is returned.
func TestStream(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		then func(context.Context) error
		want error
	}{
		"it ends":  {done, nil},
		"it fails": {func(context.Context) error { return broken }, broken},
	} {
		var out strings.Builder
		if err := counted(6, tt.then).print(t.Context(), &out); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if got := out.String(); got != "head\n2\n4\n6\n" {
			t.Errorf("%s: printed %q", name, got)
		}
	}
}

// An interrupt is no failure, and prints what came before and nothing else.
func TestStreamIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := counted(2, func(ctx context.Context) error {
		cancel()
		return untilDone(ctx)
	})
	var out strings.Builder
	if err := s.print(ctx, &out); err != nil || out.String() != "head\n2\n" {
		t.Errorf("%v, printed %q", err, out.String())
	}
	over, end := context.WithTimeout(t.Context(), time.Nanosecond) // as --for does
	defer end()
	if err := counted(0, untilDone).print(over, io.Discard); err != nil {
		t.Error(err)
	}
}

// A source that is gone ends the stream with the reason.
func TestStreamOfWhatIsGone(t *testing.T) {
	gone := errors.New("gone")
	s := counted(2, untilDone)
	s.there = func() error { return gone }
	var out strings.Builder
	if err := s.print(t.Context(), &out); !errors.Is(err, gone) || out.String() != "head\n2\n" {
		t.Errorf("%v, printed %q", err, out.String())
	}
}

// failing fails after so many writes, and says when the first one came.
type failing struct {
	left  int
	err   error
	wrote chan struct{}
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	close(f.wrote)
	return len(p), nil
}

// A reader that has left ends the stream, though nothing more would ever come: at
// the first lines or at later ones.
func TestStreamThatNobodyReads(t *testing.T) {
	full := errors.New("full")
	if err := counted(2, untilDone).print(t.Context(), &failing{err: full}); !errors.Is(err, full) {
		t.Error(err)
	}
	out := &failing{left: 1, err: full, wrote: make(chan struct{})}
	s := counted(2, untilDone)
	from := s.from
	s.from = func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			<-out.wrote
			from(ctx)(yield)
		}
	}
	if err := s.print(t.Context(), out); !errors.Is(err, full) {
		t.Error(err)
	}
}

// Lines that come together are written together, and a single one soon.
func TestLinesAreGathered(t *testing.T) { synctest.Test(t, testLinesAreGathered) }

func testLinesAreGathered(t *testing.T) {
	var out gathering
	l := newLineWriter(&out, func(error) {})
	for range 100 {
		if err := l.write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.stop(), l.stop()); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 500 || out.writes != 1 {
		t.Errorf("%d bytes in %d writes", out.Len(), out.writes)
	}
}

type gathering struct {
	bytes.Buffer
	writes int
}

func (g *gathering) Write(p []byte) (int, error) {
	g.writes++
	return g.Buffer.Write(p)
}

// Lines are gathered in 64 KB.
func TestBufferOfLines(t *testing.T) {
	l := newLineWriter(io.Discard, func(error) {})
	if got := l.buffer.Size(); got != 64<<10 {
		t.Errorf("%d bytes are gathered", got)
	}
	close(l.quit)
	<-l.done
}
