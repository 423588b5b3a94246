package capture

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// The sizes of checksums follow from their numbers.
func TestXZChecks(t *testing.T) {
	var want []int
	for id := range 16 {
		size := 0
		if id > 0 {
			size = 4 << ((id - 1) / 3)
		}
		want = append(want, size)
	}
	if !slices.Equal(xzChecks[:], want) {
		t.Errorf("%v, not %v", xzChecks, want)
	}
}

// There are sixteen types of checksums.
func TestXZStreams(t *testing.T) {
	for flags, want := range map[string]error{"\x00\x00": nil, "\x00\x0f": nil, "\x00\x10": errXZ, "\x01\x01": errXZ} {
		if _, err := newXZ(bufio.NewReader(strings.NewReader(xzMagic + flags + "abcd"))); !errors.Is(err, want) {
			t.Errorf("flags %x: %v, want %v", flags, err, want)
		}
	}
}

// failing returns an error once, then others.
type failing struct{ errs []error }

func (f *failing) Read([]byte) (int, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	return 0, err
}

// An error of a compressed file stays.
func TestBrokenStaysBroken(t *testing.T) {
	d := &decompressed{plain: &failing{[]error{errXZ, io.EOF}}, format: "xz"}
	for range 3 {
		if n, err := d.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrBroken) || !errors.Is(err, errXZ) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}
