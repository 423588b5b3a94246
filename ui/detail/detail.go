// Package detail shows everything that is known about one flow.
package detail

import (
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// Model is the page.
type Model struct {
	theme  theme.Theme
	width  int
	height int

	flow     flow.Flow
	snapshot *flow.Snapshot
	events   []flow.Event
	history  trace
	since    time.Duration
	unit     format.RateUnit
	top      int
}

// New opens the page for a flow as a snapshot shows it.
func New(t theme.Theme, s *flow.Snapshot, f *flow.Flow, past *Traces) Model {
	return Model{theme: t, snapshot: s, flow: *f, history: past.of(f.ID).add(s, f)}
}

// SetSize gives the page its room.
func (m *Model) SetSize(width, height int) { m.width, m.height = width, height }

// Move scrolls by a number of lines.
func (m *Model) Move(lines int) {
	m.top = max(min(m.top+lines, len(m.all())-m.height), 0)
}

// Page scrolls by pages.
func (m *Model) Page(pages int) { m.Move(pages * max(m.height-1, 1)) }

// Top scrolls to the beginning.
func (m *Model) Top() { m.top = 0 }

// Bottom scrolls to the end.
func (m *Model) Bottom() { m.Move(len(m.all())) }

// SetUnit says what rates count.
func (m *Model) SetUnit(u format.RateUnit) { m.unit = u }

// SetSince says how long ago the flow was as it is shown.
func (m *Model) SetSince(d time.Duration) { m.since = d }

// SetEvents takes the flow's events, oldest first.
func (m *Model) SetEvents(events []flow.Event) { m.events = events }

// Flow returns the flow as it was last seen.
func (m *Model) Flow() *flow.Flow { return &m.flow }

// Update takes the flow out of a new snapshot, nil where that has it no more.
func (m *Model) Update(s *flow.Snapshot, f *flow.Flow) {
	if f == nil {
		return
	}
	m.snapshot, m.flow = s, *f
	m.history = m.history.add(s, f)
}

// Ended reports whether the flow has ended, as far as its events say.
func (m *Model) Ended() bool { return m.end() != nil }

// end returns the event that ended the flow.
func (m *Model) end() *flow.Event {
	if n := len(m.events); n > 0 && m.events[n-1].Type == flow.EventDestroy {
		return &m.events[n-1]
	}
	return nil
}
