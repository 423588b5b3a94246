package bundle

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// The names of members.
const (
	folder = "ctop-bundle/"
	readme = folder + "README.txt"
	pieces = folder + "recording/"
)

// pieceSize is the size of a piece of the recording, in bytes.
const pieceSize = 256 << 10

// ErrEmpty means that there is no snapshot to write.
var ErrEmpty = errors.New("there is no snapshot")

// File is a member of a bundle.
type File struct {
	Name string
	Text []byte
}

// Contents is what a bundle is made of.
type Contents struct {
	// Made is when the bundle is made.
	Made time.Time
	// Snapshots are in the order of their times. It may be used twice.
	Snapshots iter.Seq[*flow.Snapshot]
	// Events are in the order of their times.
	Events []flow.Event
	// Files returns the other members, which say nothing that an anonymised bundle must
	// not say. last is the newest snapshot, anonymised if the bundle is.
	Files func(last *flow.Snapshot) ([]File, error)
	// Anonymise replaces addresses and names.
	Anonymise bool
}

// Write writes a bundle.
func Write(to io.Writer, c Contents) error {
	snapshots, events, err := c.prepare()
	if err != nil {
		return err
	}
	var last *flow.Snapshot
	for s := range snapshots {
		last = s
	}
	if last == nil {
		return ErrEmpty
	}
	files, err := c.Files(last)
	if err != nil {
		return err
	}
	z, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // the level exists
	w := &writer{tar: tar.NewWriter(z), made: c.Made.UTC().Truncate(time.Second)}
	w.add(readme, readmeText(c.Anonymise, files))
	for _, f := range files {
		w.add(folder+f.Name, f.Text)
	}
	w.record(snapshots, events)
	if w.failed != nil {
		return fmt.Errorf("write the bundle: %w", w.failed)
	}
	return errors.Join(w.tar.Close(), z.Close())
}

// prepare returns what is to be written, anonymised if it is to be.
func (c *Contents) prepare() (iter.Seq[*flow.Snapshot], []flow.Event, error) {
	if !c.Anonymise {
		return c.Snapshots, c.Events, nil
	}
	a := NewAnonymiser()
	for s := range c.Snapshots {
		a.Learn(s)
	}
	a.LearnEvents(c.Events)
	events := make([]flow.Event, len(c.Events))
	for i := range events {
		events[i] = a.Event(&c.Events[i])
	}
	return func(yield func(*flow.Snapshot) bool) {
		for s := range c.Snapshots {
			if !yield(a.Snapshot(s)) {
				return
			}
		}
	}, events, nil
}

func readmeText(anonymised bool, files []File) []byte {
	text := `This is what ctop knew about the connections of a machine.

    ctop replay FILE            shows it in the console: [ and ] go through time
    ctop replay --dump FILE     prints the flows at its end
    ctop replay --events FILE   prints what happened

recording/*   snapshots and events; one after the other they are a file of ctop record
`
	for _, f := range files {
		text += f.Name + "\n"
	}
	if anonymised {
		text += `
Addresses, and the names of the host, interfaces, users, processes, units, containers and
pods are replaced, each by the same everywhere. Ports, times, numbers of packets and bytes,
and the version of the kernel are as they were.
`
	}
	return []byte(text)
}

// writer writes members until one fails.
type writer struct {
	tar    *tar.Writer
	made   time.Time
	failed error
	// piece is what has been recorded since the last piece, count the number of those.
	piece []byte
	count int
}

func (w *writer) add(name string, text []byte) {
	if w.failed != nil {
		return
	}
	w.failed = w.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o600, ModTime: w.made, Format: tar.FormatUSTAR,
	})
	if w.failed == nil {
		_, w.failed = w.tar.Write(text)
	}
}

// Write takes a part of the recording.
func (w *writer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(pieceSize-len(w.piece), len(rest))
		w.piece, rest = append(w.piece, rest[:n]...), rest[n:]
		if len(w.piece) == pieceSize {
			w.cut()
		}
	}
	return len(p), w.failed
}

// cut ends a piece of the recording.
func (w *writer) cut() {
	if len(w.piece) > 0 {
		w.add(fmt.Sprintf("%s%06d", pieces, w.count), w.piece)
		w.piece, w.count = w.piece[:0], w.count+1
	}
}

// record writes the recording.
func (w *writer) record(snapshots iter.Seq[*flow.Snapshot], events []flow.Event) {
	r, err := recording.NewWriter(w)
	if err != nil {
		w.failed = errors.Join(w.failed, err)
		return
	}
	until := func(at time.Time) error {
		for len(events) > 0 && !events[0].Time.After(at) {
			if err := r.Event(&events[0]); err != nil {
				return err
			}
			events = events[1:]
		}
		return nil
	}
	for s := range snapshots {
		if err := errors.Join(until(s.Time), r.Snapshot(s)); err != nil {
			w.failed = errors.Join(w.failed, err)
			return
		}
	}
	if err := r.Close(); err != nil {
		w.failed = errors.Join(w.failed, err)
	}
	w.cut()
}
