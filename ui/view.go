package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/ui/page"
)

// View draws the screen, never a line or a cell more than it has.
func (m Model) View() string {
	if m.frame.Width <= 0 || m.frame.Height <= 0 {
		return ""
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
	return fit(lines, m.frame.Width, m.frame.Height)
}

// fit cuts the lines to the screen.
func fit(lines []string, width, height int) string {
	lines = lines[:min(len(lines), height)]
	for i, line := range lines {
		lines[i] = format.Cut(line, width)
	}
	return strings.Join(lines, "\n")
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
