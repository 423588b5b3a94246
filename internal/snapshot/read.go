package snapshot

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"ctop/internal/bundle"
	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// schema is what a document says that it is.
const schema = "ctop.snapshot/1"

var (
	// ErrNotOurs means that a file is something else.
	ErrNotOurs = errors.New("it is neither JSON of ctop --dump nor a recording or a bundle")
	errTooLong = fmt.Errorf("%w: an object is longer than %d bytes", ErrNotOurs, maxObject)
	errEmpty   = errors.New("it contains no snapshot")
)

// Read returns the last snapshot of a file: a document of ctop --dump -o json, the
// flows of -o jsonl, a recording or a bundle. Of a document it takes only what says where and
// when it was taken, and the flows; lines of flows say neither, unless they were
// written with --interval. An error is about the content.
func Read(ctx context.Context, in io.Reader) (*flow.Snapshot, error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	if recorded(buffered) {
		_, last, err := readRecording(ctx, buffered)
		return last, err
	}
	r := newReader()
	split := objects{element: r.element, line: r.whole}
	split.object = func(text []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.object(text, split.hadFlows)
	}
	if err := split.read(buffered); err != nil {
		return nil, brief(err)
	}
	return r.result()
}

// longestError is how much is said of what is wrong, in bytes.
const longestError = 300

// brief cuts an error that is too long: it quotes what the file has, or repeats itself for
// every bracket.
func brief(err error) error {
	if text := err.Error(); len(text) > longestError {
		return briefError{strings.ToValidUTF8(text[:longestError], "") + "…", err}
	}
	return err
}

// briefError is an error that says less.
type briefError struct {
	text string
	err  error
}

func (e briefError) Error() string { return e.text }
func (e briefError) Unwrap() error { return e.err }

// ErrOne means that a file has one snapshot, where two are needed.
var ErrOne = errors.New("it has one snapshot, and nothing to compare it with")

// ReadEnds returns the first and the last snapshot of a recording or a bundle.
func ReadEnds(ctx context.Context, in io.Reader) (first, last *flow.Snapshot, err error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	if !recorded(buffered) {
		_, err := Read(ctx, buffered)
		return nil, nil, cmp.Or(err, ErrOne)
	}
	if first, last, err = readRecording(ctx, buffered); err == nil && first == last {
		err = ErrOne
	}
	return first, last, err
}

// recorded reports whether in is a recording, by itself or in a bundle.
func recorded(in *bufio.Reader) bool { return recording.Is(in) || bundle.Is(in) }

// readRecording returns the first and the last snapshot of a recording, also of one whose
// end is missing.
func readRecording(ctx context.Context, in *bufio.Reader) (first, last *flow.Snapshot, err error) {
	from := io.Reader(in)
	if bundle.Is(in) {
		if from, err = bundle.Recording(in); err != nil {
			return nil, nil, err
		}
	}
	r, err := recording.NewReader(from)
	if err != nil {
		return nil, nil, err
	}
	for {
		item, err := r.Next(ctx)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, recording.ErrBroken) && last != nil:
			if last == nil {
				return nil, nil, errEmpty
			}
			return first, last, nil
		case err != nil:
			return nil, nil, err
		case item.Snapshot != nil:
			if last = item.Snapshot; first == nil {
				first = last
			}
		}
	}
}

// reader collects the flows of documents or lines.
type reader struct {
	decoder
	parser fastjson.Parser
	last   *flow.Snapshot
	// flows are those of the snapshot that is being read.
	flows []flow.Flow
	// lines is set if every object is a flow; stamp is the time of the last one.
	lines bool
	stamp []byte
}

func newReader() *reader { return &reader{decoder: newDecoder()} }

// element reads a flow of a document.
func (r *reader) element(text []byte) error { return r.read(text, false) }

// read reads a flow, of a document or on a line. After an error nothing has changed, but
// for interfaces that have become known.
func (r *reader) read(text []byte, line bool) error {
	var f flow.Flow
	translations := len(r.translations)
	err := r.flow(text, &f)
	if err == nil && line && r.headed {
		err = fmt.Errorf("%w: it has a schema", ErrNotOurs)
	}
	if err != nil {
		r.translations = r.translations[:translations]
		return fmt.Errorf("flow %d: %w", len(r.flows)+1, err)
	}
	if line && !bytes.Equal(r.time, r.stamp) {
		// The lines of another snapshot begin.
		r.translations = append(r.translations[:0], r.translations[translations:]...)
		f.NAT = min(f.NAT, uint32(len(r.translations)))
		r.flows, r.stamp = r.flows[:0], append(r.stamp[:0], r.time...)
	}
	r.lines = r.lines || line
	r.flows = flow.Append(r.flows, &f)
	return nil
}

// whole reads a flow that seems to be all of a line of the file. It reports whether it
// was one.
func (r *reader) whole(text []byte, element bool) bool { return r.read(text, !element) == nil }

// object reads the rest of a document, or a flow on a line.
func (r *reader) object(text []byte, document bool) error {
	if !document {
		err := r.read(text, true)
		if err == nil || !r.headed {
			return err
		}
	}
	v, err := r.parser.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if is := v.GetStringBytes("schema"); string(is) != schema {
		return fmt.Errorf("%w: its schema is %.40q, not %q", ErrNotOurs, is, schema)
	}
	return r.document(v)
}

// document makes a snapshot of what has been read.
func (r *reader) document(v *fastjson.Value) error {
	at, err := parseTime(v.GetStringBytes("time"))
	if err != nil {
		return err
	}
	r.last = &flow.Snapshot{Time: at, Host: string(v.GetStringBytes("host")), MaxFlows: v.GetInt("tracker", "max_flows")}
	r.finish(r.last)
	nameTimeouts(r.last.Flows, timeouts(v.Get("timeouts")))
	r.flows, r.decoder = nil, newDecoder()
	return nil
}

// parseTime refuses years of more than four digits, which RFC 3339 cannot write: a time near
// the end of one that it can is in the next one in UTC.
func parseTime(text []byte) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if year := at.UTC().Year(); err != nil || year < 0 || year > 9999 {
		return time.Time{}, fmt.Errorf("%w: its time is %.40q", ErrNotOurs, text)
	}
	return at, nil
}

func (r *reader) finish(s *flow.Snapshot) {
	s.Flows, s.Interfaces, s.Translations = r.flows, r.interfaces, r.translations
}

func (r *reader) result() (*flow.Snapshot, error) {
	if r.lines {
		r.last = &flow.Snapshot{}
		if len(r.stamp) > 0 {
			at, err := parseTime(r.stamp)
			if err != nil {
				return nil, err
			}
			r.last.Time = at
		}
		r.finish(r.last)
	}
	if r.last == nil {
		return nil, errEmpty
	}
	return r.last, nil
}
