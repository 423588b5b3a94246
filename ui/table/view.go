package table

import (
	"ctop/internal/format"
	"ctop/internal/order"
)

// Lines returns the title line and one line per visible row.
func (m *Model) Lines() []string {
	var lines []string
	if m.titled() {
		lines = append(lines, m.titles())
	}
	source, destination := m.fitted()
	first, _ := m.window.Visible()
	for i, f := range m.Visible() {
		selected := first+i == m.window.Cursor
		lines = append(lines, m.row(f, m.changeOf(first+i), source[i], destination[i], selected))
	}
	return lines
}

// Narrow reports whether the addresses do not fit, so that the caller must show
// the selected row's tuple elsewhere. widest is the width of the longest tuple.
func (m *Model) Narrow() (narrow bool, widest int) {
	narrow = m.columnWidth(origin) < m.want.origin || m.columnWidth(reply) < m.want.reply
	return narrow, m.want.proto + m.want.origin + m.want.reply + len("  > ")
}

// Terse reports whether the state column does not fit, so that the caller must
// show the selected row's state and rates elsewhere.
func (m *Model) Terse() bool { return m.wanted.has(state) && !m.visibleColumn(state) }

// Facts returns the selected row's state, TTL and rates.
func (m *Model) Facts() string {
	f := m.Selected()
	if f == nil {
		return ""
	}
	left := format.Countdown(f.TTL(m.since))
	if reason, ended := m.ended[f.ID]; ended {
		left = reason.String()
	}
	return f.State.String() + " " + left + "  → " + m.textOf(f, out) + "  ← " + m.textOf(f, in) + " " + m.unit.Short()
}

func (m *Model) fitted() (source, destination []string) {
	flows := m.Visible()
	return fitColumn(flows, m.source, m.columnWidth(origin)), fitColumn(flows, m.destination, m.columnWidth(reply))
}

func (m *Model) columnWidth(id columnID) int {
	for _, p := range m.places {
		if p.id == id {
			return p.width
		}
	}
	return 0
}

func (m *Model) titles() string {
	var l line
	for _, p := range m.places {
		c := columns[p.id]
		title := c.head
		if c.field != nil {
			title = c.field.Heading(m.unit)
		}
		text := format.Cut(title, p.width)
		if m.sortedBy(p.id) {
			text = titleWithMark(title, m.by, p.width)
		}
		x := p.start(text)
		if m.sortedBy(p.id) {
			l.addApart(x, text, m.theme.Sorted)
			continue
		}
		l.add(x, text)
	}
	return l.render(m.theme.Head)
}

// titleWithMark appends the sort direction to a title.
func titleWithMark(title string, by order.By, width int) string {
	mark := "▲"
	if by.Desc {
		mark = "▼"
	}
	if format.Width(title)+2 <= width {
		return title + " " + mark
	}
	return format.Cut(title, width-1) + mark
}
