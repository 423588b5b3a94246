package capture

import (
	"slices"
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
