package bundle

import (
	"errors"
	"io"
	"testing"

	"ctop/internal/recording"
)

// endless has as much as is read.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// What comes out of a bundle is at most eight times as much as was read of the file, and four
// megabytes, whatever it says.
func TestWhatComesOutIsLimited(t *testing.T) {
	for packed, want := range map[int]int{0: 4 << 20, 1: 4<<20 + 8, 1 << 20: 12 << 20} {
		l := &limited{Reader: endless{}, packed: &recording.Counter{N: packed}}
		n, err := io.Copy(io.Discard, l)
		if !errors.Is(err, ErrBroken) || n != int64(want) {
			t.Errorf("of %d bytes come %d, %v", packed, n, err)
		}
	}
	l := &limited{Reader: endless{}, packed: &recording.Counter{N: 1 << 40}, n: 2<<30 - 1}
	if n, err := l.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("near the end come %d bytes, %v", n, err)
	}
	if n, err := l.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrBroken) {
		t.Errorf("at the end come %d bytes, %v", n, err)
	}
}
