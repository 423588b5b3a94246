// Package talkers shows what groups of flows amount to, the largest first.
package talkers

import (
	"net/netip"

	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/internal/order"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// Model is the page.
type Model struct {
	theme  theme.Theme
	window scroll.Window
	width  int
	height int

	groups order.Groups
	loaded bool
	unit   format.RateUnit
	names  *names.Book

	// selected is the group under the cursor. Until the operator has chosen
	// one, the cursor stays at the top.
	selected order.GroupKey
	chosen   bool

	widest int
	places []place
}

// New returns an empty page.
func New(t theme.Theme, book *names.Book) Model {
	return Model{theme: t, names: book}
}

// SetSize gives the page its room, the line of titles included.
func (m *Model) SetSize(width, height int) {
	m.width, m.height = width, height
	m.window.Resize(len(m.groups.Top), m.bodyHeight())
	m.measure()
}

// SetUnit says what rates count.
func (m *Model) SetUnit(u format.RateUnit) { m.unit = u }

// Set takes new groups. The cursor stays on its group, and that on its line of
// the screen.
func (m *Model) Set(g order.Groups) {
	if g.Grouping != m.groups.Grouping {
		m.chosen, m.widest = false, 0
		m.window.To(0)
	}
	m.groups, m.loaded = g, true
	m.window.Resize(len(g.Top), m.bodyHeight())
	if row := m.find(m.selected); m.chosen && row >= 0 {
		m.window.Hold(row)
	}
	m.settle()
}

func (m *Model) find(k order.GroupKey) int {
	for i := range m.groups.Top {
		if m.groups.Top[i].Key == k {
			return i
		}
	}
	return -1
}

// Loaded reports whether there is anything to show yet.
func (m *Model) Loaded() bool { return m.loaded }

// Groups returns what is shown.
func (m *Model) Groups() *order.Groups { return &m.groups }

// Selected returns the group under the cursor.
func (m *Model) Selected() (order.Group, bool) {
	if m.window.Cursor < len(m.groups.Top) {
		return m.groups.Top[m.window.Cursor], true
	}
	return order.Group{}, false
}

// Addresses returns the addresses that can be seen.
func (m *Model) Addresses() []netip.Addr {
	if !m.groups.Grouping.HasAddresses() {
		return nil
	}
	first, end := m.window.Visible()
	var list []netip.Addr
	for _, g := range m.groups.Top[first:end] {
		list = append(list, g.Key.Net.Addr())
	}
	return list
}

// Move moves the cursor.
func (m *Model) Move(lines int) {
	m.window.Move(lines)
	m.choose()
}

// Page moves the cursor by pages.
func (m *Model) Page(pages int) {
	m.window.Page(pages)
	m.choose()
}

// Top goes to the first group and stays there, whatever that may come to be.
func (m *Model) Top() {
	m.window.To(0)
	m.settle()
	m.chosen = false
}

// Bottom goes to the last group.
func (m *Model) Bottom() {
	m.window.To(len(m.groups.Top) - 1)
	m.choose()
}

// Click puts the cursor on a line, or returns what a title sorts by.
func (m *Model) Click(x, y int) (by order.GroupSort, title bool) {
	if y == 0 && m.titled() {
		return m.titleAt(x)
	}
	if m.titled() {
		y--
	}
	if row, ok := m.window.Line(y); ok {
		m.window.To(row)
		m.choose()
	}
	return 0, false
}

func (m *Model) titleAt(x int) (order.GroupSort, bool) {
	for _, p := range m.places {
		if p.x <= x && x < p.x+p.width {
			return columns[p.id].by, columns[p.id].sorts
		}
	}
	return 0, false
}

func (m *Model) choose() {
	m.settle()
	m.chosen = true
}

func (m *Model) settle() {
	if g, ok := m.Selected(); ok {
		m.selected = g.Key
	}
	m.measure()
}

func (m *Model) measure() {
	m.widest = max(m.widest, format.Width(m.title(name)))
	first, end := m.window.Visible()
	for i := first; i < end; i++ {
		m.widest = max(m.widest, format.Width(m.name(&m.groups.Top[i])))
	}
	m.places = arrange(m.width, m.widest)
}

// name is what a group is called on the screen.
func (m *Model) name(g *order.Group) string {
	switch {
	case m.groups.Grouping.HasAddresses():
		return m.names.Host(g.Key.Net.Addr())
	case m.groups.Grouping == order.ByPort && g.Key.Number < 1<<16:
		return m.names.Port(portful, uint16(g.Key.Number))
	}
	return format.Clean(m.groups.Grouping.Name(g.Key, m.groups.Snapshot))
}

func (m *Model) bodyHeight() int {
	if m.titled() {
		return m.height - 1
	}
	return m.height
}

func (m *Model) titled() bool { return m.height >= 3 }
