package table

import (
	"cmp"
	"strings"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/internal/sick"
	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// Signs in the first two cells of a row.
const (
	cursorSign = "▌"
	markSign   = "●"
	sickSign   = "!"
	firstSign  = "+"
	otherSign  = "~"
)

// lastTenth is the share of the timeout below which the TTL is highlighted.
const lastTenth = 0.1

// line builds a row. Parts of it may have a style of their own.
type line struct {
	text  strings.Builder
	width int
	parts []part
}

// part is a range of a line's text with its own style.
type part struct {
	from, to int
	style    theme.Style
}

// add pads the line to column x and appends a text. A text that is too long may
// use the blank cells of the next column.
func (l *line) add(x int, text string) {
	l.text.WriteString(format.Blank(x - l.width))
	l.text.WriteString(text)
	l.width = max(l.width, x) + format.Width(text)
}

// addApart is like add, with a style for the text.
func (l *line) addApart(x int, text string, style theme.Style) {
	l.add(x, "")
	from := l.text.Len()
	l.add(x, text)
	l.parts = append(l.parts, part{from, l.text.Len(), style})
}

// render styles the line.
func (l *line) render(base theme.Style) string {
	text := l.text.String()
	if len(l.parts) == 0 {
		return base.Render(text)
	}
	var b strings.Builder
	at := 0
	for _, p := range l.parts {
		b.WriteString(base.Render(text[at:p.from]))
		b.WriteString(p.style.Render(text[p.from:p.to]))
		at = p.to
	}
	b.WriteString(base.Render(text[at:]))
	return b.String()
}

// row formats one flow.
func (m *Model) row(f *flow.Flow, change diff.Row, source, destination string, selected bool) string {
	var l line
	reason, ended := m.ended[f.ID]
	if change.Change == diff.Went {
		ended = true
	}
	share := m.share(f)
	base, apart, quiet := m.styles(f, ended)
	if selected {
		base, apart, quiet = m.theme.Cursor.On(base), m.theme.Cursor, m.theme.Cursor.On(base)
	}
	l.add(0, m.gutter(f, selected))
	for _, p := range m.places {
		switch {
		case p.id == origin:
			l.add(p.x, source)
		case p.id == reply:
			l.add(p.x, destination)
		case columns[p.id].compares:
			text := changeText(change, columns[p.id].name)
			l.add(p.start(text), text)
		case p.id == on && m.met[f.ID].Lost:
			l.addApart(p.x, m.text(f, p), apart)
		case p.id == ttl && ended:
			l.addApart(p.x, reason.String(), apart)
		case p.id == bar && ended:
		case p.id == ttl && share < lastTenth:
			text := m.text(f, p)
			l.addApart(p.start(text), text, apart)
		case p.id == bar:
			l.addApart(p.x, m.text(f, p), quiet)
		default:
			text := m.text(f, p)
			l.add(p.start(text), text)
		}
	}
	if selected {
		l.add(m.width, "")
	}
	return l.render(base)
}

func (m *Model) gutter(f *flow.Flow, selected bool) string {
	first, second := "", ""
	switch {
	case m.sick(f):
		first, second = sickSign, sickSign
	case f.Holding.First:
		first, second = firstSign, firstSign
	case f.Holding.Inherited:
		first, second = otherSign, otherSign
	}
	if _, ok := m.marked[f.ID]; ok {
		second = markSign
	} else {
		first = ""
	}
	if selected {
		first = cursorSign
	}
	return cmp.Or(first, " ") + second
}

// sick reports whether something is wrong with a flow, or was when it ended.
func (m *Model) sick(f *flow.Flow) bool {
	if reason, ended := m.ended[f.ID]; ended {
		return sick.Refusal(f, reason)
	}
	return sick.Holds(f)
}

// styles returns the style of a row, of its highlighted parts, and of its
// dimmed parts.
func (m *Model) styles(f *flow.Flow, ended bool) (base, apart, quiet theme.Style) {
	switch {
	case ended:
		return m.theme.Ended, theme.Style{}, theme.Style{}
	case f.State.Opening():
		base = m.theme.Opening
	case f.State.Closing():
		base = m.theme.Closing
	}
	return base, m.theme.Warning, m.theme.Dim.On(base)
}

// share returns the remaining share of the flow's timeout, from 0 to 1.
func (m *Model) share(f *flow.Flow) float64 {
	if f.Timeout <= 0 {
		return 0
	}
	return float64(f.TTL(m.since)) / float64(f.Timeout)
}

// start returns the position at which a text starts in its column.
func (p place) start(text string) int {
	if columns[p.id].right {
		return p.x + max(p.width-format.Width(text), 0)
	}
	return p.x
}

func (m *Model) text(f *flow.Flow, p place) string {
	switch p.id {
	case arrow:
		return "→"
	case on:
		return m.hostText(f, p.width)
	case bar:
		return format.Line(m.share(f), p.width)
	case spark:
		return format.Pulse(m.traces.Recent(f.ID, m.taken, p.width, m.unit))
	}
	text := m.textOf(f, p.id)
	if columns[p.id].field.Kind == field.Text {
		return format.Cut(text, p.width)
	}
	return text
}

// view returns the settings that the text of a cell depends on.
func (m *Model) view() field.View {
	return field.View{Names: m.interfaces, Rates: m.unit, Since: m.since}
}

// textOf returns the text of a column, not limited to its width.
func (m *Model) textOf(f *flow.Flow, id columnID) string {
	return columns[id].field.Display(f, m.view())
}
