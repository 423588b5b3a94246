package filterline

import (
	"strings"

	"ctop/internal/format"
)

// Rows returns a line for the filter, above one about it.
func (d *Dialog) Rows(int) int { return 1 }

// Footer draws the filter, on a line of its own if there is room, and below it an
// error, under the very place, or how to go on.
func (d *Dialog) Footer(width, rows int) []string {
	t := d.frame.Theme
	prefix := " " + t.Key.Render("/") + " "
	if d.fresh && d.err == nil {
		return d.freshFooter(prefix, width)[:min(rows+1, 2)]
	}
	room := width - typedAt - 1
	if rows > 0 {
		return []string{prefix + d.input.View(room), d.note(width)}
	}
	if d.err == nil {
		return []string{prefix + d.input.View(room)}
	}
	text := d.input.View(width / 3)
	problem := format.Cut(format.Clean(d.err.Error()), width-format.Width(text)-6)
	return []string{prefix + text + "  " + t.Alert.Render(problem)}
}

// freshFooter draws a filter that the next letter replaces.
func (d *Dialog) freshFooter(prefix string, width int) []string {
	text := d.frame.Theme.Cursor.Render(format.Cut(format.Clean(d.input.Value()), width-typedAt-2))
	return []string{prefix + text + "▏", d.note(width)}
}

// typedAt is the column at which the text of the filter begins.
const typedAt = 3

// note says, under the text, what is wrong with it or how to go on.
func (d *Dialog) note(width int) string {
	switch {
	case d.err != nil:
		return d.problem(width)
	case len(d.completions) > 1:
		return format.Blank(typedAt) + format.Cut(strings.Join(d.completions, " "), width-typedAt)
	}
	return format.Blank(typedAt) + format.Cut(d.usage(), width-typedAt)
}

// usage says how to go on.
func (d *Dialog) usage() string {
	if d.fresh {
		return "⏎ keep   Esc drop   ↑ earlier   a letter replaces it   → edits it"
	}
	return "⏎ keep   Esc drop   Tab complete   ↑ earlier   dport:80,443 or !answered"
}

// problem puts a caret under the mistake, and the error on the side of it that has
// more room.
func (d *Dialog) problem(width int) string {
	t := d.frame.Theme
	problem := format.Clean(d.err.Problem)
	x := typedAt + min(d.input.ColumnAt(d.err.Column-1, width-typedAt-1), max(width-typedAt-2, 0))
	after := width - x - 2
	if after < format.Width(problem) && x > after {
		problem = format.Cut(problem, x-2)
		return format.Blank(x-1-format.Width(problem)) + t.Alert.Render(problem) + " " + t.Key.Render("^")
	}
	return format.Blank(x) + t.Key.Render("^") + " " + t.Alert.Render(format.Cut(problem, after))
}
