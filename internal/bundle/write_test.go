package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// The first member says what is in a bundle and how it is read, and of an anonymised one
// what was replaced and what was not.
func TestReadme(t *testing.T) {
	for _, anonymised := range []bool{false, true} {
		c := contents(1, 1)
		c.Anonymise = anonymised
		list := members(t, written(t, c))
		text := string(list[readme])
		for name := range list {
			if name != readme && !strings.HasPrefix(name, pieces) && !strings.Contains(text, "\n"+strings.TrimPrefix(name, folder)+"\n") {
				t.Errorf("it does not name %s:\n%s", name, text)
			}
		}
		for want, is := range map[string]bool{
			"ctop replay FILE ": true, "recording/*": true, "are replaced, each by the same everywhere": anonymised, "Ports, times, numbers": anonymised,
		} {
			if strings.Contains(text, want) != is {
				t.Errorf("anonymised %t: %q is %t in\n%s", anonymised, want, !is, text)
			}
		}
	}
}

// A recording is in pieces of one size, but for the last one.
func TestPieces(t *testing.T) {
	for _, sizes := range [][]int{{1}, {pieceSize - 1}, {pieceSize}, {pieceSize + 1}, {3*pieceSize + 7}, {pieceSize - 1, 1, 1}, {1, 2 * pieceSize}} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := &writer{tar: tar.NewWriter(z)}
		sum := 0
		for _, n := range sizes {
			sum += n
			if written, err := w.Write(make([]byte, n)); written != n || err != nil {
				t.Fatalf("%d, %v", written, err)
			}
		}
		w.cut()
		if err := errors.Join(w.failed, w.tar.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		list := members(t, b.Bytes())
		for i := range len(list) {
			size := len(list[fmt.Sprintf("%s%06d", pieces, i)])
			if want := min(pieceSize, sum-i*pieceSize); size != want {
				t.Errorf("of %d bytes piece %d has %d", sum, i, size)
			}
		}
		if want := (sum + pieceSize - 1) / pieceSize; len(list) != want {
			t.Errorf("%d bytes in %d pieces, want %d", sum, len(list), want)
		}
	}
}

var errStop = errors.New("stop")

// Events are written before the snapshot that follows them, and those behind the last one
// are not.
func TestEventsBetweenSnapshots(t *testing.T) {
	c := contents(1, 2)
	last := slices.Collect(c.Snapshots)
	at := func(d time.Duration) flow.Event {
		e := c.Events[0]
		e.Time = last[0].Time.Add(d)
		return e
	}
	c.Events = []flow.Event{at(-1), at(0), at(1), at(time.Second), at(time.Second + 1)}
	items, err := replayed(written(t, c))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, item := range items {
		if item.Event != nil {
			got.WriteByte('e')
		} else {
			got.WriteByte('s')
		}
	}
	if got.String() != "eesees" {
		t.Errorf("%s", got.String())
	}
}

// Whatever fails is returned, at whichever byte.
func TestWriteFails(t *testing.T) {
	whole := len(written(t, contents(50, 3)))
	for after := 0; after < whole; after += whole/9 + 1 {
		if err := Write(&bounded{room: after}, contents(50, 3)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d of %d bytes: %v", after, whole, err)
		}
	}
	c := contents(1, 1)
	c.Files = func(*flow.Snapshot) ([]File, error) { return nil, errStop }
	if err := Write(io.Discard, c); !errors.Is(err, errStop) {
		t.Error(err)
	}
}

// bounded fails after some bytes.
type bounded struct{ room int }

func (b *bounded) Write(p []byte) (int, error) {
	if b.room -= len(p); b.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
