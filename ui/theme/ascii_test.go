package theme

import "testing"

func TestHasUnicode(t *testing.T) {
	for _, c := range []struct {
		term   string
		locale []string
		want   bool
	}{
		{"xterm", []string{"", "", ""}, true},
		{"xterm", []string{"C", "", "de_DE.UTF-8"}, false},
		{"xterm", []string{"", "", "de_DE.UTF-8"}, true},
		{"xterm", []string{"C.utf8"}, true},
		{"xterm", []string{"", "en_US.ISO-8859-1", "C.UTF-8"}, false},
		{"xterm", []string{"POSIX"}, false},
		{"linux", []string{"C.UTF-8"}, false},
		{"vt100", nil, false},
		{"vt220", nil, false},
		{"dumb", nil, false},
		{"screen-256color", nil, true},
	} {
		if got := HasUnicode(c.term, c.locale...); got != c.want {
			t.Errorf("%s, %q: %t", c.term, c.locale, got)
		}
	}
}

func TestASCII(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"▌ tcp 10.0.0.1 → 10.0.0.2 ━━╸  ·  –", 80, "> tcp 10.0.0.1 > 10.0.0.2 ==-  .  -"},
		{"é 日本", 80, "? ????"},
		{" ⏎ detail          ? help", 25, " Enter detail      ? help"},
		{" ⏎ detail   p pause   ? help", 30, " Enter detail  p pause  ? help"},
		{" ⏎ detail", 80, " Enter detail"},
		{"\x1b[7m⏎\x1b[0m", 80, "\x1b[7mEnter\x1b[0m"},
	} {
		if got := ASCII(c.line, c.width); got != c.want {
			t.Errorf("%q is %q, not %q", c.line, got, c.want)
		}
	}
}
