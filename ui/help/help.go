// Package help shows what every key does.
package help

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// Section is a group of keys.
type Section struct {
	Title string
	Keys  []key.Binding
	// Rows are lines about something else than keys. They take the whole
	// width.
	Rows []filter.Row
}

// Model is the page.
type Model struct {
	theme    theme.Theme
	sections []Section
	width    int
	height   int
	lines    []string
	top      scroll.Window
}

// New returns the page for some keys.
func New(t theme.Theme, sections []Section) Model {
	return Model{theme: t, sections: sections}
}

// SetSize gives the page its room.
func (m *Model) SetSize(width, height int) {
	if width == m.width && height == m.height {
		return
	}
	m.width, m.height = width, height
	m.lines = m.layout()
	m.top.Resize(max(len(m.lines)-height+1, 1), 1)
}

// Move scrolls by a number of lines.
func (m *Model) Move(lines int) { m.top.Move(lines) }

// Page scrolls by pages.
func (m *Model) Page(pages int) { m.top.Move(pages * max(m.height-1, 1)) }

// Top scrolls to the beginning.
func (m *Model) Top() { m.top.To(0) }

// Bottom scrolls to the end.
func (m *Model) Bottom() { m.top.To(len(m.lines)) }

// Lines draws the visible part.
func (m *Model) Lines() []string {
	return m.lines[min(m.top.Cursor, len(m.lines)):]
}

const (
	keyWidth    = 10
	columnWidth = 40
)

// layout fills as many columns as fit, whole sections first.
func (m *Model) layout() []string {
	count := min(max(m.width/columnWidth, 1), 3)
	columns := make([][]string, count)
	for _, s := range m.sections {
		if len(s.Rows) > 0 {
			continue
		}
		shortest := 0
		for i := range columns {
			if len(columns[i]) < len(columns[shortest]) {
				shortest = i
			}
		}
		columns[shortest] = append(columns[shortest], m.section(s)...)
	}
	lines := format.Columns(columns, columnWidth)
	for _, s := range m.sections {
		if len(s.Rows) > 0 {
			lines = append(lines, m.rows(s)...)
		}
	}
	return lines
}

// formWidth is the width of what rows explain.
const formWidth = 19

func (m *Model) rows(s Section) []string {
	lines := []string{" " + m.theme.Title.Render(s.Title)}
	for _, r := range s.Rows {
		form := format.Left(r.Form, max(formWidth, format.Width(r.Form)))
		lines = append(lines, "  "+m.theme.Key.Render(form)+" "+r.Means)
	}
	return append(lines, "")
}

func (m *Model) section(s Section) []string {
	if !slices.ContainsFunc(s.Keys, key.Binding.Enabled) {
		return nil
	}
	lines := []string{" " + m.theme.Title.Render(s.Title)}
	for _, k := range s.Keys {
		if !k.Enabled() {
			continue
		}
		h := k.Help()
		name := format.Left(h.Key, max(keyWidth, format.Width(h.Key)))
		lines = append(lines, "  "+m.theme.Key.Render(name)+" "+h.Desc)
	}
	return append(lines, "")
}
