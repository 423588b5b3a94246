package format

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

const blanks = "                                                                "

// Blank returns n spaces, none if n is negative.
func Blank(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blanks) {
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}

// Width is the number of cells that s takes on the screen.
func Width(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

// Left returns s in exactly width cells, cut with an ellipsis or padded on the
// right.
func Left(s string, width int) string {
	s = Cut(s, width)
	return s + Blank(width-Width(s))
}

// Right is [Left] with padding on the left, for numbers.
func Right(s string, width int) string {
	s = Cut(s, width)
	return Blank(width-Width(s)) + s
}

// Cut returns s in at most width cells. Escape sequences are kept.
func Cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if Width(s) <= width {
		return s
	}
	return ansi.Truncate(s, width, "…")
}

// Columns puts texts side by side, each width cells wide.
func Columns(columns [][]string, width int) []string {
	var lines []string
	for y := 0; ; y++ {
		line, more := "", false
		for x, column := range columns {
			if y < len(column) {
				more = true
				line += Blank(x*width-Width(line)) + column[y]
			}
		}
		if !more {
			return lines
		}
		lines = append(lines, line)
	}
}

// Clean returns text from outside with a middle dot for everything that could
// control a terminal or reorder a line: control characters, escape sequences,
// bidirectional marks, invalid UTF-8.
func Clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return clean(s)
		}
	}
	return s
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r == utf8.RuneError, !unicode.IsPrint(r):
			return '·'
		}
		return r
	}, s)
}

// ShellQuote returns a text as one word of a shell's command.
func ShellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
