// Package overview shows how the whole link fares, and what to do where it does
// not fare well.
package overview

import (
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// Model is the page.
type Model struct {
	theme  theme.Theme
	width  int
	height int
	top    int
	// lines are the whole page as it was drawn for the last size.
	lines []string

	history History
	count   order.Count
	opening order.Opening
	since   time.Duration
	// missed is how many events the console itself could not show.
	missed uint64
}

// New returns an empty page.
func New(t theme.Theme) Model { return Model{theme: t} }

// SetSize gives the page its room and draws it. It comes after everything that
// changes the page.
func (m *Model) SetSize(width, height int) {
	m.width, m.height = width, height
	m.lines = m.all()
	m.scroll(0)
}

// Remember takes a snapshot for the charts.
func (m *Model) Remember(s *flow.Snapshot) { m.history.Add(s) }

// Freeze keeps the charts as they are; what comes is remembered.
func (m *Model) Freeze(frozen bool) { m.history.freeze(frozen) }

// Set takes what the flows of a snapshot amount to, and who opened those that
// began in the [Recent] time before it.
func (m *Model) Set(c order.Count, o order.Opening) { m.count, m.opening = c, o }

// SetSince says how long ago the snapshot was taken.
func (m *Model) SetSince(d time.Duration) { m.since = d }

// SetMissed says how many events the console could not show.
func (m *Model) SetMissed(n uint64) { m.missed = n }

// Move scrolls by a number of lines.
func (m *Model) Move(lines int) { m.scroll(lines) }

// Page scrolls by pages.
func (m *Model) Page(pages int) { m.scroll(pages * max(m.height-1, 1)) }

// Top scrolls to the beginning.
func (m *Model) Top() { m.top = 0 }

// Bottom scrolls to the end.
func (m *Model) Bottom() { m.scroll(len(m.lines)) }

func (m *Model) scroll(lines int) {
	m.top = max(min(m.top+lines, len(m.lines)-m.height), 0)
}

// Lines draws the visible part.
func (m *Model) Lines() []string {
	return m.lines[min(m.top, len(m.lines)):]
}

// Below returns how many lines are out of sight further down.
func (m *Model) Below() int { return max(len(m.lines)-m.top-m.height, 0) }
