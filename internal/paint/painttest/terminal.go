// Package painttest is a terminal for tests: it shows what it was sent.
package painttest

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Terminal is a screen of which tests read the rows, with their styles.
type Terminal struct {
	width, height int
	row, column   int
	style         string
	cells         [][]cell
	rest          string
}

type cell struct{ text, style string }

// New returns an empty terminal.
func New(width, height int) *Terminal {
	t := &Terminal{width: width, height: height, cells: make([][]cell, height)}
	for i := range t.cells {
		t.cells[i] = make([]cell, width)
		t.erase(i, 0)
	}
	return t
}

func (t *Terminal) erase(row, from int) {
	for i := from; i < t.width; i++ {
		t.cells[row][i] = cell{text: " "}
	}
}

// Write shows text. A sequence may be cut off at its end: the rest follows.
func (t *Terminal) Write(p []byte) (int, error) {
	text := t.rest + string(p)
	t.rest = ""
	var state byte
	for text != "" {
		part, wide, n, next := ansi.DecodeSequence(text, state, nil)
		if next != ansi.NormalState || !whole(text[:n]) && n == len(text) {
			t.rest = text
			break
		}
		state, text = next, text[n:]
		t.take(part, wide)
	}
	return len(p), nil
}

// whole reports whether a sequence or a character is all there.
func whole(s string) bool {
	switch {
	case strings.HasPrefix(s, "\x1b"):
		last := s[len(s)-1]
		return len(s) > 2 && last >= '@'
	case s[0] >= 0x80:
		return !strings.ContainsRune(s, '\uFFFD') && len(s) > 1
	}
	return true
}

func (t *Terminal) take(part string, wide int) {
	switch {
	case wide > 0:
		t.put(part, wide)
	case part == "\r":
		t.column = 0
	case part == "\n":
		t.row = min(t.row+1, t.height-1)
	case strings.HasPrefix(part, "\x1b["):
		t.control(part[2:len(part)-1], part[len(part)-1])
	}
}

func (t *Terminal) put(text string, wide int) {
	if t.column+wide > t.width {
		return
	}
	t.cells[t.row][t.column] = cell{text, t.style}
	for i := 1; i < wide; i++ {
		t.cells[t.row][t.column+i] = cell{"", t.style}
	}
	t.column += wide
}

func (t *Terminal) control(parameters string, kind byte) {
	numbers := strings.Split(parameters, ";")
	number := func(i, or int) int {
		if i < len(numbers) {
			if n, err := strconv.Atoi(numbers[i]); err == nil && n > 0 {
				return n
			}
		}
		return or
	}
	switch kind {
	case 'H':
		t.row, t.column = min(number(0, 1), t.height)-1, min(number(1, 1), t.width)-1
	case 'C':
		t.column = min(t.column+number(0, 1), t.width-1)
	case 'K':
		if t.column < t.width {
			t.erase(t.row, t.column)
		}
	case 'J':
		t.erase(t.row, t.column)
		for i := t.row + 1; i < t.height; i++ {
			t.erase(i, 0)
		}
	case 'm':
		switch {
		case parameters == "" || parameters == "0":
			t.style = ""
		case strings.HasPrefix(parameters, "0;"):
			t.style = parameters
		default:
			t.style += "\x1b[" + parameters + "m"
		}
	}
}

// Text returns the rows without their styles.
func (t *Terminal) Text() string { return t.text(func(cell) string { return "" }) }

// Styled returns the rows, with the style before each character.
func (t *Terminal) Styled() string { return t.text(func(c cell) string { return c.style }) }

func (t *Terminal) text(style func(cell) string) string {
	var b strings.Builder
	for _, row := range t.cells {
		for _, c := range row {
			b.WriteString(style(c) + c.text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
