package console

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// Keys become lines, with what a terminal shows of them.
func TestKeyboard(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, tt := range []struct {
		keys, lines, shown string
	}{
		{"yes\r", "yes\n", "yes\r\n"},
		{"y\nn\r", "y\nn\n", "y\r\nn\r\n"},
		{"no\x7f\x08yes\r", "yes\n", "no\b \b\b \byes\r\n"},
		{"\x7fy\r", "y\n", "y\r\n"},
		{"é\x7fy\r", "y\n", "é\b \by\r\n"},
		{"\x1b[Ay\x00\r", "[Ay\n", "[Ay\r\n"},
		{"y", "", "y"},
		{"y\x04\r\x04n\r", "y\n", "y\r\n"},
		{long + "y\x7fy\r", long[1:] + "y\n", long + "\b \by\r\n"},
		{"a\r\x03b\r", "a\n", "a\r\n^C\r\n"},
		{strings.Repeat("\r", linesAhead+3), strings.Repeat("\n", linesAhead), strings.Repeat("\r\n", linesAhead+3)},
	} {
		var shown strings.Builder
		interrupted := false
		k := newKeyboard(&shown, func() { interrupted = true })
		k.listen(strings.NewReader(tt.keys))
		lines, err := io.ReadAll(k)
		if err != nil || string(lines) != tt.lines || shown.String() != tt.shown {
			t.Errorf("%q: %q, %v, shows %q, want %q, %q", tt.keys, lines, err, shown.String(), tt.lines, tt.shown)
		}
		if want := strings.Contains(tt.keys, "\x03"); interrupted != want {
			t.Errorf("%q: interrupted is %v", tt.keys, interrupted)
		}
	}
}

// A line is read in pieces, however short they are.
func TestKeyboardInPieces(t *testing.T) {
	k := newKeyboard(io.Discard, func() {})
	k.listen(strings.NewReader("yes\rno\r"))
	var got []byte
	for piece := make([]byte, 2); ; {
		n, err := k.Read(piece)
		got = append(got, piece[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if string(got) != "yes\nno\n" {
		t.Errorf("%q", got)
	}
}

// A command with a terminal is told what is typed there, hears Ctrl-C, and has no
// terminal if the client has none.
func TestCommandReadsTheTerminal(t *testing.T) {
	r := newRig(t, Limits{})
	for _, tt := range []struct {
		keys, shows string
	}{
		{"yes\r", "you said yes"},
		{"\x03", "interrupted"},
	} {
		c := r.dial(r.ann)
		x, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Fatal(err)
		}
		in, _ := x.StdinPipe()
		out, _ := x.StdoutPipe()
		if err := x.Start("ask"); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(out)
		if line, err := reader.ReadString('\n'); err != nil || line != "say it\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := io.WriteString(in, tt.keys); err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(reader)
		if err := x.Wait(); err != nil || !strings.Contains(string(said), tt.shows) {
			t.Errorf("%q: %q, %v", tt.keys, said, err)
		}
		_ = c.Close()
	}
	if out, _, status := r.command(r.ann, "ask"); status != 0 || out != "no terminal\n" {
		t.Errorf("%q, status %d", out, status)
	}
	r.serves()
}
