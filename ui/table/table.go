// Package table shows flows as lines. It formats only visible lines, so the
// cost of a frame does not depend on the number of flows.
package table

import (
	"net/netip"
	"time"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/scroll"
	"ctop/ui/theme"
	"ctop/ui/trace"
)

// Model is the table. Its View only calls methods that do not change it.
type Model struct {
	theme  theme.Theme
	window scroll.Window
	width  int
	height int

	rows   []*flow.Flow
	by     order.By
	unit   format.RateUnit
	since  time.Duration
	ended  map[flow.ID]flow.Reason
	marked map[flow.ID]flow.Ref

	// selected is the flow under the cursor. Before the operator moves the
	// cursor, it stays on the first row, whatever flow is there.
	selected flow.ID
	chosen   bool

	want   widths
	wanted selection
	places []place

	names *names.Book
	// interfaces are the interfaces of the snapshot, several if it watches more than
	// one.
	interfaces *field.Names
	several    bool
	fleet      bool
	// met are the rows of conversations that several hosts see.
	met map[flow.ID]Met
	// changes say what became of the rows while the flows are compared.
	comparing bool
	changes   []diff.Row
	// taken is when the snapshot was taken, and traces are the rates until then.
	taken  time.Time
	traces *trace.Traces
}

// narrowest are the widths of the titles.
var narrowest = widths{origin: len("ORIGIN ▼"), reply: len("REPLY ▼")}

// New returns an empty table.
func New(t theme.Theme, book *names.Book) Model {
	return Model{theme: t, names: book, wanted: standard(false, false), want: narrowest}
}

// SetSize sets the size of the table, including the title line.
func (m *Model) SetSize(width, height int) {
	if width == m.width && height == m.height {
		return
	}
	m.width, m.height = width, height
	m.window.Resize(len(m.rows), m.bodyHeight())
	m.measure()
}

// SetBy sets the order of the rows, which the titles show.
func (m *Model) SetBy(by order.By) {
	m.by = by
	m.measure()
}

// SetUnit sets the unit of rates.
func (m *Model) SetUnit(u format.RateUnit) { m.unit = u }

// SetSnapshot sets the snapshot that contains the rows.
func (m *Model) SetSnapshot(s *flow.Snapshot) {
	m.interfaces = nil
	if s == nil {
		return
	}
	m.interfaces, m.taken = field.NamesOf(s), s.Time
	if several, fleet := s.WatchesSeveral(), s.OfFleet(); several != m.several || fleet != m.fleet {
		usual := m.wanted == m.standard()
		if m.several, m.fleet = several, fleet; usual {
			m.Choose(nil)
		}
	}
}

// SetTraces sets the past rates of the rows.
func (m *Model) SetTraces(t *trace.Traces) { m.traces = t }

// Renamed computes the columns' widths again, after names or numbers were
// switched on.
func (m *Model) Renamed() {
	m.want = narrowest
	m.measure()
}

// Named widens the columns for a name that was resolved.
func (m *Model) Named() { m.measure() }

// Addresses returns the addresses on the screen.
func (m *Model) Addresses() []netip.Addr {
	var list []netip.Addr
	for _, f := range m.Visible() {
		list = append(list, f.Tuple.Src.Addr(), f.Tuple.Dst.Addr())
	}
	return list
}

// SetSince sets the age of the rows.
func (m *Model) SetSince(d time.Duration) { m.since = d }

// SetEnded sets the flows that have ended and the reasons. The table keeps the
// map.
func (m *Model) SetEnded(ended map[flow.ID]flow.Reason) { m.ended = ended }

// SetMarked sets the marked flows. The table keeps the map.
func (m *Model) SetMarked(marked map[flow.ID]flow.Ref) { m.marked = marked }

// SetRows replaces the rows. The cursor stays on its flow and, if possible, on
// its line of the screen. row is the index of flow anchor in rows, or -1.
func (m *Model) SetRows(rows []*flow.Flow, anchor flow.ID, row int) {
	m.rows = rows
	if anchor != m.selected {
		row = m.find(m.selected)
	}
	m.window.Resize(len(rows), m.bodyHeight())
	if m.chosen && row >= 0 {
		m.window.Hold(row)
	}
	m.settle()
}

// find returns the row of a flow that was selected after SetRows' caller looked
// for another one.
func (m *Model) find(id flow.ID) int {
	for i, f := range m.rows {
		if f.ID == id {
			return i
		}
	}
	return -1
}

// Rows returns the rows.
func (m *Model) Rows() []*flow.Flow { return m.rows }

// Selected returns the flow under the cursor, nil if the table is empty.
func (m *Model) Selected() *flow.Flow {
	if m.window.Cursor < len(m.rows) {
		return m.rows[m.window.Cursor]
	}
	return nil
}

// Row returns the row of the cursor, and whether the operator has moved it there.
func (m *Model) Row() (row int, chosen bool) {
	return m.window.Cursor, m.chosen && len(m.rows) > 0
}

// Follow makes the cursor follow the flow that it is on.
func (m *Model) Follow() { m.chosen = len(m.rows) > 0 }

// Move moves the cursor by a number of rows.
func (m *Model) Move(rows int) {
	m.window.Move(rows)
	m.choose()
}

// Page moves the cursor by pages.
func (m *Model) Page(pages int) {
	m.window.Page(pages)
	m.choose()
}

// Top moves the cursor to the first row. It stays there even if the row's flow
// changes.
func (m *Model) Top() {
	m.window.To(0)
	m.settle()
	m.chosen = false
}

// Bottom moves the cursor to the last row.
func (m *Model) Bottom() {
	m.window.To(len(m.rows) - 1)
	m.choose()
}

// Click moves the cursor to a line of the table. On a title, it returns the
// column's sort key instead.
func (m *Model) Click(x, y int) (key string, title bool) {
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
	return "", false
}

func (m *Model) titleAt(x int) (string, bool) {
	for i, p := range m.places {
		end := p.x + p.width
		if i+1 < len(m.places) {
			end = m.places[i+1].x
		}
		if p.x <= x && x < end {
			return columns[p.id].key, true
		}
	}
	return "", false
}

// Keys returns the sort keys of the shown columns, from left to right. The key
// of the total rate follows its halves if it has no column.
func (m *Model) Keys() []string {
	var keys []string
	for _, p := range m.places {
		if columns[p.id].title != "" {
			keys = append(keys, columns[p.id].key)
		}
		if p.id == in && !m.visibleColumn(rate) {
			keys = append(keys, field.TotalRate) // both ways, hence both titles
		}
	}
	return keys
}

func (m *Model) visibleColumn(id columnID) bool { return m.columnWidth(id) > 0 }

// sortedBy reports whether the rows are sorted by a column. If the total rate
// has no column, its two halves count as sorted by it.
func (m *Model) sortedBy(id columnID) bool {
	c := columns[id]
	if c.title == "" {
		return false
	}
	half := id == out || id == in
	return c.key == m.by.Key || half && m.by.Key == field.TotalRate && !m.visibleColumn(rate)
}

func (m *Model) choose() {
	m.settle()
	m.chosen = true
}

func (m *Model) settle() {
	m.selected = 0
	if f := m.Selected(); f != nil {
		m.selected = f.ID
	}
	m.measure()
}

// measure computes the layout for the visible rows. Widths only grow, because a
// table that follows every change is hard to read.
func (m *Model) measure() {
	for _, f := range m.Visible() {
		m.want = m.want.grow(widths{
			proto:  format.Width(protoText(f)),
			origin: format.Width(m.source(f)),
			reply:  format.Width(m.destination(f)),
		})
	}
	m.places = arrangeColumns(m.width, m.want, m.columnSet())
}

// Visible returns the flows on the screen.
func (m *Model) Visible() []*flow.Flow {
	first, end := m.window.Visible()
	return m.rows[first:end]
}

func (m *Model) bodyHeight() int {
	if m.titled() {
		return m.height - 1
	}
	return m.height
}

// titled reports whether there is room for the title line.
func (m *Model) titled() bool { return m.height >= 3 }
