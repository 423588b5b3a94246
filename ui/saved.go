package ui

import (
	"cmp"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/views"
)

// WithView begins with a view of the settings. A filter and an order of other options
// override its own.
func WithView(name string) Option {
	return func(o *options) { o.view = name }
}

// MostMarked is the maximum number of flows of a snapshot that others are compared with.
const MostMarked = page.MostMarked

// WithCompared compares the flows with a snapshot from the beginning. from says where it
// is from.
func WithCompared(s *flow.Snapshot, from string) Option {
	return func(o *options) { o.compared, o.comparedFrom = s, from }
}

// WithKeptViews says that the settings are kept, and saved views with them.
func WithKeptViews() Option {
	return func(o *options) { o.keptViews = true }
}

func (m *root) newViews() *views.Book {
	b := views.New(m.frame)
	b.Present, b.Show, b.Kept = m.view, m.showView, m.options.keptViews
	return b
}

// view returns what the flows show.
func (m *root) view() page.View {
	var s Settings
	m.flows.Save(&s)
	return page.View{Filter: m.frame.FilterText(), Sort: s.Sort, Columns: s.Columns, Rates: m.frame.Unit.String()}
}

// showView shows a view.
func (m *root) showView(v page.View) tea.Cmd {
	parsed, err := m.frame.Parse(v.Filter)
	if err != nil {
		m.frame.Warn(err.Error())
		return nil
	}
	open := m.frame.OpenTab(0)
	m.setUnit(v.Rates)
	return tea.Batch(open, m.frame.SetFilter(parsed), m.flows.ShowView(v), m.frame.Broadcast(page.UnitChanged{}))
}

// begin shows a view before anything else is shown.
func (m *root) begin(name string) {
	v, ok := m.options.settings.Views[name]
	if !ok {
		return
	}
	if parsed, err := m.frame.Parse(v.Filter); err == nil && m.options.filter.Empty() {
		m.frame.StartFilter(parsed)
	}
	m.setUnit(v.Rates)
	m.flows.ShowView(v)
	m.options.sort = cmp.Or(m.options.sort, v.Sort)
}

// setUnit changes what rates count, unless there is no such unit.
func (m *root) setUnit(name string) {
	for u := format.Bits; u <= format.Packets; u++ {
		if u.String() == name {
			m.frame.Unit = u
		}
	}
}

// viewCommand returns the command that shows the same flows in the same order.
func (m *root) viewCommand() string {
	text := "ctop"
	if f := m.frame.FilterText(); f != "" {
		text += " --filter " + format.ShellQuote(f)
	}
	return text + " --sort " + m.view().Sort
}
