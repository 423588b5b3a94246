package recording

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"

	"ctop/tracker/flow"
)

// Writer writes a recording. Its methods are called from one goroutine.
type Writer struct {
	buffer *bufio.Writer
	gzip   *gzip.Writer
	lines  *json.Encoder
	// known are the flows of the last snapshot, without later packets.
	known map[flow.ID]flow.Flow
}

// NewWriter starts a recording.
func NewWriter(to io.Writer) (*Writer, error) {
	if _, err := io.WriteString(to, format+version+"\n"); err != nil {
		return nil, err
	}
	w := &Writer{known: map[flow.ID]flow.Flow{}}
	// The fastest level is best: the others halve the size at three times the
	// cost.
	w.gzip, _ = gzip.NewWriterLevel(to, gzip.BestSpeed) // the level exists
	w.buffer = bufio.NewWriterSize(w.gzip, 1<<16)
	w.lines = json.NewEncoder(w.buffer)
	return w, nil
}

// Event adds an event.
func (w *Writer) Event(e *flow.Event) error { return w.write(line{Event: e}) }

// Snapshot adds a snapshot, and flushes, so that everything so far can be read.
func (w *Writer) Snapshot(s *flow.Snapshot) error {
	known := make(map[flow.ID]flow.Flow, len(s.Flows))
	var changed []*flow.Flow
	for i := range s.Flows {
		f := &s.Flows[i]
		now := still(*f)
		known[f.ID] = now
		if before, ok := w.known[f.ID]; !ok || before != now || rated(f) {
			changed = append(changed, f)
		}
	}
	var gone []flow.ID
	for id := range w.known {
		if _, ok := known[id]; !ok {
			gone = append(gone, id)
		}
	}
	w.known = known
	h := &head{Snapshot: *s, Changed: len(changed), Gone: len(gone)}
	h.Snapshot.Flows = nil
	if err := w.writeSnapshot(h, changed, gone); err != nil {
		return err
	}
	return w.flush()
}

// rated reports whether a flow has rates. A flow without a line has none.
func rated(f *flow.Flow) bool {
	return f.Origin.PPS > 0 || f.Origin.BPS > 0 || f.Reply.PPS > 0 || f.Reply.BPS > 0
}

func (w *Writer) writeSnapshot(h *head, changed []*flow.Flow, gone []flow.ID) error {
	if err := w.write(line{Head: h}); err != nil {
		return err
	}
	for _, f := range changed {
		if err := w.write(line{Flow: f}); err != nil {
			return err
		}
	}
	for _, id := range gone {
		if err := w.write(line{Gone: id}); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) write(l line) error {
	if err := w.lines.Encode(l); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

func (w *Writer) flush() error {
	if err := w.buffer.Flush(); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	if err := w.gzip.Flush(); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

// Close ends the recording. It does not close the underlying writer.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.gzip.Close()
}
