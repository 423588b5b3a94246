package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

const (
	// settled is how long a filter of a fleet rests before hosts are asked for it: they are
	// not asked for every letter.
	settled = 120 * time.Millisecond
	// hurry is how often a fleet is looked at while it answers, and hurried how long that
	// takes at most.
	hurry   = 100 * time.Millisecond
	hurried = 3 * time.Second
)

// hasten looks at the fleet as soon as another filter or order has settled, and often while
// hosts answer it: the first of them fill the screen.
func (m *root) hasten() tea.Cmd {
	if m.options.fleet == nil {
		return nil
	}
	wanted := m.wantedOfFleet()
	if wanted == m.wanted {
		return nil
	}
	m.ask(wanted)
	m.generation++
	return m.tickIn(min(settled, m.options.interval))
}

// fleetView is what is wanted of a fleet.
type fleetView struct{ filter, by string }

func (m *root) wantedOfFleet() fleetView {
	return fleetView{m.frame.FilterText(), m.flows.Order().String()}
}

// ask notes what is asked of the fleet.
func (m *root) ask(wanted fleetView) {
	if wanted != m.wanted || m.hurriedUntil.IsZero() {
		m.wanted, m.hurriedUntil = wanted, m.options.clock().Add(hurried)
	}
}

// pace returns the time between two looks at the source.
func (m *root) pace() time.Duration {
	if m.options.fleet != nil && m.options.clock().Before(m.hurriedUntil) {
		return min(hurry, m.options.interval)
	}
	return m.options.interval
}
