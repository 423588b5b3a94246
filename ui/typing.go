package ui

import (
	"strings"

	"ctop/internal/format"
)

// filterLines are where the filter is typed: on a line of its own where there is
// room, and below it what is wrong, under the very place, or what can be done.
func (m *Model) filterLines(own bool) []string {
	prefix := " " + m.theme.Key.Render("/") + " "
	room := m.width - typedAt - 1
	if own {
		return []string{prefix + m.input.View(room), m.filterNote()}
	}
	if m.filterError == nil {
		return []string{prefix + m.input.View(room)}
	}
	text := m.input.View(m.width / 3)
	problem := format.Cut(format.Clean(m.filterError.Error()), m.width-format.Width(text)-6)
	return []string{prefix + text + "  " + m.theme.Alert.Render(problem)}
}

// typedAt is the column at which the text of the filter begins.
const typedAt = 3

// filterNote says, under the text, what is wrong with it or how to go on.
func (m *Model) filterNote() string {
	switch {
	case m.filterError != nil:
		return m.filterProblem()
	case len(m.ways) > 1:
		return format.Blank(typedAt) + format.Cut(strings.Join(m.ways, " "), m.width-typedAt)
	}
	return format.Blank(typedAt) + format.Cut("⏎ keep   Esc drop   Tab complete   dport:80,443 or rate>1M or !reply", m.width-typedAt)
}

// filterProblem puts a caret under the mistake, and the text beside it on the
// side where there is more room.
func (m *Model) filterProblem() string {
	problem := format.Clean(m.filterError.Problem)
	x := typedAt + min(m.input.ColumnAt(m.filterError.Column-1, m.width-typedAt-1), max(m.width-typedAt-2, 0))
	after := m.width - x - 2
	if after < format.Width(problem) && x > after {
		problem = format.Cut(problem, x-2)
		return format.Blank(x-1-format.Width(problem)) + m.theme.Alert.Render(problem) + " " + m.theme.Key.Render("^")
	}
	return format.Blank(x) + m.theme.Key.Render("^") + " " + m.theme.Alert.Render(format.Cut(problem, after))
}
