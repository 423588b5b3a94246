package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// Leave empties the screen for good. A terminal may keep rows of it that it wrapped when
// it became narrower, and show them when the program has ended (tmux 3.3).
func (m Model) Leave() { m.left = true }

// View draws the screen, never a line or a cell more than it has.
func (m Model) View() string {
	if m.left {
		return ""
	}
	if m.room != nil {
		return m.room.console.View()
	}
	if m.frame.Width <= 0 || m.frame.Height <= 0 {
		return ""
	}
	if lines := m.tooSmall(); lines != nil {
		return m.fit(lines)
	}
	l := m.layout()
	var lines []string
	if l.header {
		lines = append(lines, m.headerLine())
	}
	if l.tabs {
		lines = append(lines, m.tabsLine())
	}
	lines = append(lines, m.body(l)...)
	lines = append(lines, m.asideLines(l.aside)...)
	if l.footer {
		lines = append(lines, m.footer(l)...)
	}
	return m.fit(lines)
}

// The smallest screen on which the flows can be read.
const leastWidth, leastHeight = 24, 6

// tooSmall says so, or returns nil.
func (m *root) tooSmall() []string {
	width, height := m.frame.Width, m.frame.Height
	if width >= leastWidth && height >= leastHeight {
		return nil
	}
	lines := make([]string, max(height, 2))
	lines[0] = fmt.Sprintf("too small: %dx%d", width, height)
	lines[1] = fmt.Sprintf("ctop needs %dx%d", leastWidth, leastHeight)
	return lines
}

// fit cuts the lines to the screen, and draws them as far as the terminal can.
func (m *root) fit(lines []string) string {
	width := m.frame.Width
	lines = lines[:min(len(lines), m.frame.Height)]
	for i, line := range lines {
		if m.options.ascii {
			line = theme.ASCII(line, width)
		}
		lines[i] = cut(line, width, m.options.ascii)
	}
	return strings.Join(lines, "\n")
}

// cut cuts a line, with a sign that the terminal has.
func cut(line string, width int, ascii bool) string {
	if ascii {
		return ansi.Truncate(line, width, "~")
	}
	return format.Cut(line, width)
}

// body draws the page, as many lines as there is room for, and the dialogs over it.
func (m *root) body(l layout) []string {
	lines := m.frame.Front().Lines()
	lines = append([]string(nil), lines[:min(len(lines), l.bodyHeight)]...)
	for len(lines) < l.bodyHeight {
		lines = append(lines, "")
	}
	for _, d := range m.frame.Dialogs() {
		overlay(lines, d.Box(m.frame.Width, l.bodyHeight), m.frame.Width)
	}
	return lines
}

// footer draws the lines below the page.
func (m *root) footer(l layout) []string {
	if d := m.frame.Dialog(); d != nil {
		return d.Footer(m.frame.Width, l.prompt)
	}
	return []string{m.frame.FooterLine(m.frame.Front().Hints(), m.lastHints())}
}

// lastHints stand at the right end of the footer.
func (m *root) lastHints() []page.Hint {
	f := m.frame
	k := f.Keys
	switch {
	case len(f.Over()) > 0:
		return []page.Hint{{Key: k.Back, Does: "back"}}
	case f.CameFrom() != "":
		return []page.Hint{{Key: k.Help, Does: "help"}, {Key: k.Quit, Does: "back"}}
	}
	return []page.Hint{{Key: k.Help, Does: "help"}, {Key: k.Quit, Does: "quit"}}
}

// overlay lays a box over the middle of the lines.
func overlay(lines, box []string, width int) {
	y := max((len(lines)-len(box))/2, 0)
	for i, row := range box {
		if y+i >= len(lines) {
			return
		}
		boxWidth := format.Width(row)
		x := max((width-boxWidth)/2, 0)
		under := lines[y+i]
		left := ansi.Cut(under, 0, x)
		right := ansi.Cut(under, x+boxWidth, max(width, x+boxWidth))
		lines[y+i] = left + format.Blank(x-format.Width(left)) + row + right
	}
}
