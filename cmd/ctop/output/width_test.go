package output_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// onTerminal writes a view on a terminal of as many columns, and returns the lines.
func onTerminal(t *testing.T, columns uint16, f output.Format, v output.View) []string {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = screen.Close() }()
	defer func() { _ = tty.Close() }()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	if err := output.WriteSnapshot(tty, f, v); err != nil {
		t.Fatal(err)
	}
	if _, err := tty.WriteString("."); err != nil { // the end
		t.Fatal(err)
	}
	var text []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(screen, one); err != nil {
			t.Fatal(err)
		}
		if one[0] == '.' && bytes.HasSuffix(text, []byte("\n")) {
			return strings.Split(strings.TrimSpace(string(text)), "\r\n")
		}
		text = append(text, one[0])
	}
}

// Where several interfaces are watched a table says at which one a flow was seen.
func TestTableOfSeveralInterfaces(t *testing.T) {
	v := sample(true)
	for i := range v.Interfaces {
		v.Interfaces[i].Role = flow.RoleWatch
	}
	lines := strings.Split(string(write(t, output.Table, v)), "\n")
	if at := strings.Index(lines[0], "  IF "); at < 0 || !strings.HasPrefix(lines[1][at:], "  veth") {
		t.Errorf("%q, %q", lines[0], lines[1])
	}
}

// On a terminal a table leaves out AGE, then TOTAL, where they would be wrapped.
// What does not fit in any case, and other formats, are as they are in a pipe.
func TestTableFitsTheTerminal(t *testing.T) {
	v := sample(true)
	widest := 0
	for line := range strings.SplitSeq(strings.TrimSpace(string(write(t, output.Table, v))), "\n") {
		widest = max(widest, utf8.RuneCountInString(line))
	}
	for width, last := range map[int]string{
		widest: "AGE", widest - 1: "TOTAL", widest - 8: "IN", 40: "AGE", 0: "AGE",
	} {
		lines := onTerminal(t, uint16(width), output.Table, v)
		if !strings.HasSuffix(lines[0], last) {
			t.Errorf("on %d columns the titles are %q, without %s at the end", width, lines[0], last)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); width > 40 && n > width {
				t.Errorf("%d columns on %d: %q", n, width, line)
			}
		}
	}
	for _, f := range []output.Format{output.Wide, output.CSV} {
		if got := strings.Join(onTerminal(t, 80, f, v), "\n"); got != strings.TrimSpace(string(write(t, f, v))) {
			t.Errorf("%s is another on a terminal:\n%s", f, got)
		}
	}
}
