package format

import "testing"

// A difference has its sign, and none if there is none.
func TestSigned(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "+1 B", -1: "-1 B", 1500: "+1.5 kB", -1500: "-1.5 kB", -1 << 63: "-9.2 EB"} {
		if got := Signed(n, TotalBytes); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// Only text with something to clean is changed, whichever letter that is.
func TestCleanedLetters(t *testing.T) {
	for in, want := range map[string]string{" ": " ", "~": "~", "\x1f": "·", "\x7f": "·", "a~\x7f": "a~·", "é": "é", "a\x1f": "a·"} {
		if got := Clean(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]int{"~ ~": 3, "é": 1, "日本": 4, "\x1b[1mx": 1} {
		if got := Width(in); got != want {
			t.Errorf("%q is %d wide, want %d", in, got, want)
		}
	}
}
