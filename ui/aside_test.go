package ui

import (
	"strings"
	"testing"

	"ctop/internal/format"
)

// A tuple that is too long uses the whole width. The shorter end is whole if that leaves
// half of it for the other, and no port is lost.
func TestWholeTuple(t *testing.T) {
	const (
		long  = "[2001:db8:85a3::8a2e:370:7334]:51514"
		short = "10.0.0.2:443"
	)
	for _, text := range []string{"tcp " + long + " → " + long, "tcp " + long + " → " + short, "udp " + short + " → " + long} {
		w := format.Width(text)
		for _, lines := range []int{1, 2} {
			if got := wholeTuple(text, w+1, lines); len(got) != 1 || got[0] != " "+text {
				t.Errorf("with room: %q", got)
			}
		}
		for width := 40; width <= w; width++ {
			one := wholeTuple(text, width, 1)
			if len(one) != 1 || format.Width(one[0]) != width || strings.Contains(text, short) && !strings.Contains(one[0], short) {
				t.Errorf("one line of %d: %q", width, one)
			}
			for _, port := range []string{":51514", ":443"} {
				if strings.Count(one[0], port) != strings.Count(text, port) {
					t.Errorf("one line of %d: %q has lost %s", width, one, port)
				}
			}
			two := wholeTuple(text, width, 2)
			first, second, _ := strings.Cut(text, " → ")
			if want := []string{" " + first + " →", "     " + second[:]}; len(two) != 2 || width > 42 && (two[0] != want[0] || two[1] != want[1]) {
				t.Errorf("two lines of %d: %q", width, two)
			}
			for _, line := range two {
				if format.Width(line) > width {
					t.Errorf("two lines of %d: %q", width, line)
				}
			}
		}
	}
}

// The lines beside a page are as many as it has room for.
func TestAsideLines(t *testing.T) {
	c := newConsole(t, 40, 30, ipv6Flows())
	a := c.m.aside()
	if !a.Narrow || !a.Terse || a.Lines(40) != 2 {
		t.Fatalf("%+v", a)
	}
	for lines, want := range []string{"", "a", "ab", "abf", "abf-"} {
		got := ""
		for _, line := range c.m.asideLines(lines) {
			switch {
			case line == "":
				got += "-"
			case strings.HasPrefix(line, " tcp"):
				got += "a"
			case strings.HasPrefix(line, "     "):
				got += "b"
			case strings.Contains(line, "ESTABLISHED"):
				got += "f"
			}
		}
		if got != want {
			t.Errorf("%d lines: %s, not %s: %q", lines, got, want, c.m.asideLines(lines))
		}
	}
}
