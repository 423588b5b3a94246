package recording

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ctop/tracker"
)

var (
	// ErrVersion means that the recording is another version's.
	ErrVersion = errors.New("it is a recording of another version of ctop")
	// ErrBroken means that the rest of the file makes no sense, or is not
	// there. What came before it is good.
	ErrBroken = errors.New("the recording is damaged, or was cut off")
)

const (
	// maxLine bounds a line; the longest that is written is far shorter.
	maxLine = 1 << 20
	// oldest and latest bound the times that are believed.
	oldest, latest = 1970, 2262
)

// Is reports whether what is to be read is a recording, of whatever version.
func Is(r *bufio.Reader) bool {
	begin, _ := r.Peek(len(format))
	return string(begin) == format
}

// Item is what comes next: one of both is set.
type Item struct {
	Event    *tracker.Event
	Snapshot *tracker.Snapshot
}

// Time is when it was.
func (i Item) Time() time.Time {
	if i.Event != nil {
		return i.Event.Time
	}
	return i.Snapshot.Time
}

// Reader reads a recording.
type Reader struct {
	lines *bufio.Scanner
	last  *tracker.Snapshot
}

// NewReader reads how a recording begins.
func NewReader(from io.Reader) (*Reader, error) {
	in := bufio.NewReader(from)
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
	r := &Reader{lines: bufio.NewScanner(plain)}
	r.lines.Buffer(make([]byte, 1<<16), maxLine)
	return r, nil
}

// Next returns the next item, io.EOF at the end, and an error that wraps
// [ErrBroken] where reading cannot go on.
func (r *Reader) Next() (Item, error) {
	l, err := r.next()
	switch {
	case err != nil:
		return Item{}, err
	case l.Event != nil && validEvent(l.Event):
		return Item{Event: l.Event}, nil
	case l.Head != nil:
		s, err := r.snapshot(l.Head)
		return Item{Snapshot: s}, err
	}
	return Item{}, ErrBroken
}

func (r *Reader) next() (l line, err error) {
	if !r.lines.Scan() {
		if r.lines.Err() != nil {
			return l, ErrBroken // gzip's, or a line without end
		}
		return l, io.EOF
	}
	if err := json.Unmarshal(r.lines.Bytes(), &l); err != nil {
		return l, ErrBroken
	}
	return l, nil
}

// snapshot reads the lines that belong to a head.
func (r *Reader) snapshot(h *head) (*tracker.Snapshot, error) {
	s := &h.Snapshot
	if !validSnapshot(s) || h.Changed < 0 || h.Gone < 0 {
		return nil, ErrBroken
	}
	changed, gone := map[tracker.FlowID]*tracker.Flow{}, map[tracker.FlowID]bool{}
	var order []*tracker.Flow
	for range h.Changed {
		l, err := r.next()
		if err != nil || l.Flow == nil || !validFlow(l.Flow) {
			return nil, ErrBroken
		}
		changed[l.Flow.ID] = l.Flow
		order = append(order, l.Flow)
	}
	for range h.Gone {
		l, err := r.next()
		if err != nil || l.Gone == 0 {
			return nil, ErrBroken
		}
		gone[l.Gone] = true
	}
	s.Flows = r.carryOver(s.Time, changed, gone)
	for _, f := range order {
		if changed[f.ID] == f {
			s.Flows = append(s.Flows, *f)
		}
	}
	if len(s.Flows) > tracker.MaxMaxFlows {
		return nil, ErrBroken
	}
	r.last = s
	return s, nil
}

// carryOver returns the flows of the last snapshot that nothing is told of.
func (r *Reader) carryOver(at time.Time, changed map[tracker.FlowID]*tracker.Flow, gone map[tracker.FlowID]bool) []tracker.Flow {
	if r.last == nil {
		return nil
	}
	silent := at.Sub(r.last.Time)
	flows := make([]tracker.Flow, 0, len(r.last.Flows))
	for i := range r.last.Flows {
		f := &r.last.Flows[i]
		if changed[f.ID] != nil || gone[f.ID] {
			continue
		}
		now := still(*f)
		now.Age, now.Idle = f.Age+silent, f.Idle+silent
		flows = append(flows, now)
	}
	return flows
}

func validTime(t time.Time) bool { return t.Year() > oldest && t.Year() < latest }

func validSnapshot(s *tracker.Snapshot) bool {
	return validTime(s.Time) && s.MaxFlows > 0 && s.MaxFlows <= tracker.MaxMaxFlows && len(s.Flows) == 0
}

func validFlow(f *tracker.Flow) bool {
	return f.ID != 0 && validState(f.State) && f.State != tracker.StateNone && f.In <= 1 && validTuple(f.Tuple) &&
		int(f.TimeoutName) < len(tracker.TimeoutNames())
}

func validEvent(e *tracker.Event) bool {
	return validTime(e.Time) && e.Type >= tracker.EventNew && e.Type <= tracker.EventLost &&
		validState(e.From) && validState(e.To) && e.Direction <= tracker.Reply &&
		int(e.Reason) <= len(tracker.Reasons()) && (e.Type == tracker.EventLost || validTuple(e.Tuple))
}

func validState(s tracker.State) bool { return int(s) <= len(tracker.States()) }

func validTuple(t tracker.Tuple) bool {
	return t.Src.IsValid() && t.Dst.IsValid() && t.Src.Addr().Is4() == t.Dst.Addr().Is4()
}
