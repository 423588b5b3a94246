package paint

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cell is a cell of a row. The second cell of a wide character has no text.
type cell struct{ text, style string }

var blank = cell{text: " "}

// cellsOf returns the cells of a line, as many as fit.
func cellsOf(line string, width int) []cell {
	cells := make([]cell, 0, width)
	var state byte
	style := ""
	for line != "" && len(cells) < width {
		text, wide, n, next := ansi.DecodeSequence(line, state, nil)
		state, line = next, line[n:]
		switch {
		case len(cells)+wide > width:
			line = ""
		case wide > 0:
			cells = append(cells, cell{text, style})
			for range wide - 1 {
				cells = append(cells, cell{"", style})
			}
		case isStyle(text):
			style = restyle(style, text)
		}
	}
	for len(cells) < width {
		cells = append(cells, blank)
	}
	return cells[:width]
}

func isStyle(sequence string) bool {
	return strings.HasPrefix(sequence, "\x1b[") && strings.HasSuffix(sequence, "m")
}

// restyle returns the style after a sequence that selects one.
func restyle(style, sequence string) string {
	parameters := sequence[2 : len(sequence)-1]
	switch {
	case parameters == "" || parameters == "0":
		return ""
	case strings.HasPrefix(parameters, "0;"):
		return sequence
	}
	return style + sequence
}

// shortestGap is how many cells that are the same are skipped rather than sent again.
const shortestGap = 6

// difference returns what makes a terminal that shows one line in a row show another.
func difference(row, width int, before, after string) string {
	now := cellsOf(after, width)
	was := make([]cell, width)
	if before != unknown {
		was = cellsOf(before, width)
	}
	p := pen{at: -1, row: row}
	end := lastText(now)
	for from := 0; from < end; {
		if now[from] == was[from] {
			from++
			continue
		}
		to := runEnd(was, now, from, end)
		p.put(from, now[from:to])
		from = to
	}
	if hasText(was[end:]) {
		p.erase(end)
	}
	p.style("")
	return p.text.String()
}

// runEnd returns the end of the cells to send from one that differs on. A wide character is
// sent as a whole.
func runEnd(was, now []cell, from, end int) int {
	to := from + 1
	for i := to; i < end && i-to < shortestGap; i++ {
		if now[i] != was[i] || now[i].text == "" && i == to {
			to = i + 1
		}
	}
	return to
}

// lastText returns the end of the cells that are not blank.
func lastText(cells []cell) int {
	end := len(cells)
	for end > 0 && cells[end-1] == blank {
		end--
	}
	return end
}

// hasText reports whether a cell is not blank.
func hasText(cells []cell) bool {
	for _, c := range cells {
		if c != blank {
			return true
		}
	}
	return false
}

// pen writes cells of a row.
type pen struct {
	text    strings.Builder
	row, at int
	look    string
}

func (p *pen) put(column int, cells []cell) {
	p.move(column)
	for _, c := range cells {
		p.style(c.style)
		p.text.WriteString(c.text)
	}
	p.at = column + len(cells)
}

func (p *pen) erase(column int) {
	p.move(column)
	p.style("")
	p.text.WriteString(eraseRight)
}

func (p *pen) move(column int) {
	switch {
	case p.at < 0:
		p.text.WriteString(moveTo(p.row, column))
	case column > p.at:
		p.text.WriteString("\x1b[" + strconv.Itoa(column-p.at) + "C")
	}
	p.at = column
}

func (p *pen) style(look string) {
	if look == p.look {
		return
	}
	if p.look != "" && !strings.HasPrefix(look, p.look) {
		p.text.WriteString(plainStyle)
		p.look = ""
	}
	p.text.WriteString(look[len(p.look):])
	p.look = look
}
