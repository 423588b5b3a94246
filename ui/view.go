package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
)

// View draws the screen: never a line more than it has, nor a cell.
func (m Model) View() string {
	if m.width <= 0 || m.height <= 0 {
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
	lines = append(lines, m.aside(l.aside)...)
	if l.footer {
		lines = append(lines, m.footerLines(l)...)
	}
	return fit(lines, m.width, m.height)
}

// fit cuts the lines to the screen.
func fit(lines []string, width, height int) string {
	lines = lines[:min(len(lines), height)]
	for i, line := range lines {
		lines[i] = format.Cut(line, width)
	}
	return strings.Join(lines, "\n")
}

// body draws the page, as many lines as it has room for.
func (m *Model) body(l layout) []string {
	lines := m.page()
	lines = append([]string(nil), lines[:min(len(lines), l.bodyHeight)]...)
	for len(lines) < l.bodyHeight {
		lines = append(lines, "")
	}
	switch m.mode {
	case modeConfirm:
		overlay(lines, m.question.Lines(m.width), m.width)
	case modeColumns:
		overlay(lines, m.chooser.Lines(m.width, l.bodyHeight), m.width)
	}
	if m.leaving.asked {
		overlay(lines, m.leaving.question.Lines(m.width), m.width)
	}
	return lines
}

func (m *Model) page() []string {
	switch {
	case m.mode == modeHelp:
		return m.help.Lines()
	case m.detailOpen():
		return m.detail.Lines()
	case m.view == viewEvents:
		return m.logPage()
	case m.view == viewTalkers:
		return m.talkersPage()
	case m.view == viewOverview:
		return m.overviewPage()
	case m.view == viewTimeouts:
		return m.limits.Lines()
	}
	return m.flowsPage()
}

func (m *Model) flowsPage() []string {
	lines := m.flows.Lines()
	if len(m.flows.Rows()) > 0 {
		return lines
	}
	return append(lines, "", "  "+m.theme.Dim.Render(m.emptiness()))
}

// emptiness says why there is nothing to see.
func (m *Model) emptiness() string {
	switch {
	case m.shown == nil && m.latest != nil:
		return "sorting " + format.Plural(len(m.latest.Flows), "flow")
	case m.shown == nil:
		return "waiting for the first snapshot"
	case !m.filter.Empty() && len(m.shown.Flows) > 0:
		return "none of " + format.Plural(len(m.shown.Flows), "flow") + " passes the filter; Esc clears it"
	}
	return "no flows yet: they appear with the first packet between " + interfaceNames(m.shown)
}

func (m *Model) talkersPage() []string {
	lines := m.talkers.Lines()
	if m.talkers.Loaded() && len(m.talkers.Groups().Top) > 0 {
		return lines
	}
	text := "counting"
	if m.shown == nil || m.talkers.Loaded() {
		text = m.emptiness()
	}
	return append(lines, "", "  "+m.theme.Dim.Render(text))
}

func (m *Model) overviewPage() []string {
	if lines := m.overview.Lines(); len(lines) > 0 {
		return lines
	}
	text := "counting"
	if m.shown == nil {
		text = m.emptiness()
	}
	return []string{"", "  " + m.theme.Dim.Render(text)}
}

func (m *Model) logPage() []string {
	lines := m.log.Lines()
	if shown, kept := m.log.Counts(); shown == 0 {
		text := "nothing has happened yet"
		if kept > 0 {
			text = "none of " + format.Plural(kept, "event") + " passes the filter; Esc clears it"
		}
		lines = append(lines, "", "  "+m.theme.Dim.Render(text))
	}
	return lines
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
