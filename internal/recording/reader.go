package recording

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"ctop/tracker/flow"
)

var (
	// ErrVersion means that another version recorded the file.
	ErrVersion = errors.New("it was recorded by another version of ctop")
	// ErrBroken means that the rest of the file is damaged or missing. The part
	// before it is valid.
	ErrBroken = errors.New("the recording is damaged or truncated")
)

const (
	// maxLine bounds the length of a line, maxItem that of a flow or an event, many of
	// which are kept; written lines are far shorter.
	maxLine = 1 << 20
	maxItem = 4 << 10
	// mostRatio is how often larger than its file the flows of a snapshot may be, beyond
	// mostPlain bytes: so a small file takes little memory, whatever its header claims.
	// Those of equal flows are 30 times larger.
	mostRatio, mostPlain = 60, 16 << 20
	// oldest and latest are the years of plausible times.
	oldest, latest = 1970, 2262
)

// Is reports whether r begins with a recording of any version.
func Is(r *bufio.Reader) bool {
	begin, _ := r.Peek(len(format))
	return string(begin) == format
}

// Item is the next item: an event or a snapshot.
type Item struct {
	Event    *flow.Event
	Snapshot *flow.Snapshot
}

// Time returns the item's time.
func (i Item) Time() time.Time {
	if i.Event != nil {
		return i.Event.Time
	}
	return i.Snapshot.Time
}

// Reader reads a recording.
type Reader struct {
	lines   *bufio.Scanner
	decoder decoder
	last    *flow.Snapshot
	// packed counts the bytes that were read of the file.
	packed *Counter
}

// Counter counts the bytes that are read through it.
type Counter struct {
	From io.Reader
	N    int
}

// Read implements [io.Reader].
func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.From.Read(p)
	c.N += n
	return n, err
}

// NewReader reads the header of a recording.
func NewReader(from io.Reader) (*Reader, error) {
	packed := &Counter{From: from}
	in := bufio.NewReader(packed)
	first, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if !bytes.Equal(first, []byte(format+version+"\n")) {
		return nil, fmt.Errorf("%w (%s, not %s%s)", ErrVersion, strings.ToValidUTF8(string(bytes.TrimSpace(first[:min(len(first), 40)])), "?"), format, version)
	}
	plain, err := gzip.NewReader(in)
	if err != nil {
		return nil, ErrBroken
	}
	r := &Reader{lines: bufio.NewScanner(plain), packed: packed}
	r.lines.Buffer(make([]byte, 1<<16), maxLine)
	return r, nil
}

// Next returns the next item, or io.EOF at the end. Its error wraps [ErrBroken]
// if the rest cannot be read. A snapshot may be long, so ctx also stops reading
// one.
func (r *Reader) Next(ctx context.Context) (Item, error) {
	l, err := r.next(ctx)
	switch {
	case err != nil:
		return Item{}, err
	case l.Event != nil && ValidEvent(l.Event):
		e := *l.Event // the next line changes the decoder's
		return Item{Event: &e}, nil
	case l.Head != nil:
		s, err := r.snapshot(ctx, l.Head)
		return Item{Snapshot: s}, err
	}
	return Item{}, ErrBroken
}

func (r *Reader) next(ctx context.Context) (l line, err error) {
	if err := ctx.Err(); err != nil {
		return l, err
	}
	if !r.lines.Scan() {
		if r.lines.Err() != nil {
			return l, ErrBroken // gzip's, or a line without end
		}
		return l, io.EOF
	}
	if err := r.decoder.decode(r.lines.Bytes(), &l); err != nil || l.Head == nil && len(r.lines.Bytes()) > maxItem {
		return l, ErrBroken
	}
	return l, nil
}

// snapshot reads the lines that belong to a head.
func (r *Reader) snapshot(ctx context.Context, h *head) (*flow.Snapshot, error) {
	s := &h.Snapshot
	complete(s)
	if !validSnapshot(s) || !validCount(h.Changed, s.MaxFlows) || !validCount(h.Gone, s.MaxFlows) {
		return nil, ErrBroken
	}
	changed, told, err := r.changed(ctx, h.Changed, len(s.Interfaces))
	if err == nil {
		err = r.gone(ctx, h.Gone, told)
	}
	if errors.Is(err, io.EOF) {
		err = ErrBroken
	}
	if err != nil {
		return nil, err
	}
	if s.Flows = changed; r.last != nil {
		s.Flows = append(r.carryOver(s.Time, told, len(changed)), changed...)
	}
	if !validCount(len(s.Flows), s.MaxFlows) {
		return nil, ErrBroken
	}
	r.last = s
	return s, nil
}

// changed reads n flows that came in by some of the interfaces, and returns the ids that
// had a line. If a flow occurs more than once, the last line counts and it takes memory
// once. So a recording needs only the memory of its table, however long it is.
func (r *Reader) changed(ctx context.Context, n, interfaces int) (flows []flow.Flow, told map[flow.ID]int, err error) {
	told = map[flow.ID]int{}
	size := 0
	for range n {
		l, err := r.next(ctx)
		if err != nil {
			return nil, nil, err
		}
		if size += len(r.lines.Bytes()); size > mostPlain+mostRatio*r.packed.N {
			return nil, nil, ErrBroken
		}
		if l.Flow == nil || !validFlow(l.Flow) || int(l.Flow.In) >= interfaces {
			return nil, nil, ErrBroken
		}
		if at, again := told[l.Flow.ID]; again {
			flows[at] = *l.Flow
			continue
		}
		told[l.Flow.ID] = len(flows)
		flows = flow.Append(flows, l.Flow)
	}
	return flows, told, nil
}

// gone reads n ids of flows that no longer exist, and adds them to the ids that
// had a line.
func (r *Reader) gone(ctx context.Context, n int, told map[flow.ID]int) error {
	for range n {
		l, err := r.next(ctx)
		if err != nil {
			return err
		}
		if l.Gone == 0 {
			return ErrBroken
		}
		if _, changed := told[l.Gone]; !changed {
			told[l.Gone] = -1
		}
	}
	return nil
}

// carryOver returns the flows of the last snapshot that had no line, with room
// for more.
func (r *Reader) carryOver(at time.Time, told map[flow.ID]int, more int) []flow.Flow {
	silent := at.Sub(r.last.Time)
	flows := make([]flow.Flow, 0, len(r.last.Flows)+more)
	for i := range r.last.Flows {
		f := &r.last.Flows[i]
		if _, differs := told[f.ID]; differs {
			continue
		}
		now := still(*f)
		now.Age, now.Idle = f.Age+silent, f.Idle+silent
		flows = append(flows, now)
	}
	return flows
}

// complete makes the lists of a snapshot as long as they must be. A recording may leave
// out interfaces that have no name.
func complete(s *flow.Snapshot) {
	if len(s.Interfaces) == 0 {
		s.Interfaces = make([]flow.Interface, 2)
	}
	if len(s.Stalled) != len(s.Interfaces) {
		s.Stalled = make([]bool, len(s.Interfaces))
	}
}

func validTime(t time.Time) bool { return t.Year() > oldest && t.Year() < latest }

func validSnapshot(s *flow.Snapshot) bool {
	return validTime(s.Time) && s.MaxFlows > 0 && s.MaxFlows <= flow.MaxMaxFlows && len(s.Flows) == 0 &&
		len(s.Interfaces) <= math.MaxUint16
}

// validCount bounds the lines of a snapshot. A table that changes while it is
// read may show more flows than its capacity, but never twice as many.
func validCount(n, maxFlows int) bool { return n >= 0 && n <= 2*maxFlows }

func validFlow(f *flow.Flow) bool {
	return f.ID != 0 && validState(f.State) && f.State != flow.StateNone && validTuple(f.Tuple) &&
		int(f.TimeoutName) < len(flow.TimeoutNames())
}

// ValidEvent reports whether an event that was read can be one.
func ValidEvent(e *flow.Event) bool {
	return validTime(e.Time) && e.Type >= flow.EventNew && e.Type <= flow.EventLost &&
		validState(e.From) && validState(e.To) && e.Direction <= flow.Reply &&
		int(e.Reason) <= len(flow.Reasons()) && (e.Type == flow.EventLost || validTuple(e.Tuple))
}

func validState(s flow.State) bool { return int(s) <= len(flow.States()) }

func validTuple(t flow.Tuple) bool {
	src, dst := t.Src.Addr(), t.Dst.Addr()
	return src.IsValid() && dst.IsValid() && src.Is4() == dst.Is4()
}
