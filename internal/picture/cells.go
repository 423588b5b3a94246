package main

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// style is the look of a cell. Colours are 0 to 15, or plain.
type style struct {
	fore, back                                int
	bold, dim, italic, under, reverse, struck bool
}

const plain = -1

// cell is one cell of the screen.
type cell struct {
	text string
	style
}

// parse reads a screen with its escape sequences.
func parse(screen string, width int) [][]cell {
	var rows [][]cell
	look := style{fore: plain, back: plain} // tmux carries it over from line to line
	for line := range strings.Lines(strings.TrimRight(screen, "\n") + "\n") {
		rows = append(rows, look.parseLine(strings.TrimSuffix(line, "\n"), width))
	}
	return rows
}

func (s *style) parseLine(line string, width int) []cell {
	var row []cell
	var state byte
	for line != "" {
		text, cells, n, next := ansi.DecodeSequence(line, state, nil)
		state, line = next, line[n:]
		switch {
		case cells > 0:
			row = append(row, cell{text, *s})
		case strings.HasPrefix(text, "\x1b[") && strings.HasSuffix(text, "m"):
			s.apply(text[2 : len(text)-1])
		}
	}
	for len(row) < width {
		row = append(row, cell{" ", style{fore: plain, back: plain}})
	}
	return row[:width]
}

// apply applies the parameters of a Select Graphic Rendition sequence, as far
// as programs with sixteen colours use them.
func (s *style) apply(parameters string) {
	for text := range strings.SplitSeq(parameters, ";") {
		n, _ := strconv.Atoi(text) // none is 0
		switch {
		case n == 0:
			*s = style{fore: plain, back: plain}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 3:
			s.italic = true
		case n == 4:
			s.under = true
		case n == 7:
			s.reverse = true
		case n == 9:
			s.struck = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 23:
			s.italic = false
		case n == 24:
			s.under = false
		case n == 27:
			s.reverse = false
		case n == 29:
			s.struck = false
		case 30 <= n && n <= 37:
			s.fore = n - 30
		case n == 39:
			s.fore = plain
		case 40 <= n && n <= 47:
			s.back = n - 40
		case n == 49:
			s.back = plain
		case 90 <= n && n <= 97:
			s.fore = n - 90 + 8
		case 100 <= n && n <= 107:
			s.back = n - 100 + 8
		}
	}
}
