package owner

import (
	"fmt"
	"os"
	"testing"

	"ctop/tracker/kernel"
)

func TestLockOfOther(t *testing.T) {
	const file = "00:1a:567"
	for line, want := range map[string]bool{
		"1: FLOCK  ADVISORY  READ 1 00:1a:567 0 EOF":                          true,
		"12: FLOCK  ADVISORY  WRITE 1 00:1a:567 0 EOF":                        true,
		fmt.Sprintf("1: FLOCK ADVISORY READ %d 00:1a:567 0 EOF", os.Getpid()): false,
		"1: FLOCK  ADVISORY  READ 1 00:1a:568 0 EOF":                          false,
		"1: POSIX  ADVISORY  READ 1 00:1a:567 0 EOF":                          false,
		"1: -> FLOCK  ADVISORY  WRITE 1 00:1a:567 0 EOF":                      false, // waits for it
		"": false,
	} {
		if got := lockOfOther(line, file); got != want {
			t.Errorf("%q: %t, want %t", line, got, want)
		}
	}
}

// A tracker without pins ends with its process in any case.
func TestKeepWithoutPins(t *testing.T) {
	h := &Hold{objects: new(kernel.Objects)}
	if !h.Ends() || h.Keepable() || h.Keep() == nil || h.Kept() {
		t.Error("it can be kept")
	}
	h.keep = true
	if h.Ends() {
		t.Error("it ends though it is kept")
	}
}
