package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/filter"
)

// list is what a page has that a cursor moves through.
type list interface {
	Move(lines int)
	Page(pages int)
	Top()
	Bottom()
}

func (m *Model) list() list {
	switch m.view {
	case viewEvents:
		return &m.log
	case viewTimeouts:
		return &m.limits
	}
	return &m.flows
}

// tabs are the views in the order of their tabs.
var tabs = [...]struct {
	view  view
	key   string
	title string
}{
	{viewFlows, "1", "Flows"},
	{viewEvents, "2", "Events"},
	{viewTimeouts, "5", "Timeouts"},
}

func (m *Model) handleNormalKey(msg tea.KeyMsg) tea.Cmd {
	if cmd, ok := m.handleCommonKey(msg); ok {
		return cmd
	}
	if m.handleMoveKey(msg) {
		return nil
	}
	if cmd, ok := m.handleViewKey(msg); ok {
		return cmd
	}
	switch m.view {
	case viewFlows:
		return m.handleFlowsKey(msg)
	case viewEvents:
		return m.handleEventsKey(msg)
	}
	return m.handleTimeoutsKey(msg)
}

// handleCommonKey takes keys that mean the same on every page.
func (m *Model) handleCommonKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	switch {
	case key.Matches(msg, m.keys.Quit):
		return tea.Quit, true
	case key.Matches(msg, m.keys.Help):
		m.back, m.mode = m.mode, modeHelp
	case key.Matches(msg, m.keys.Pause):
		return m.togglePause(), true
	case key.Matches(msg, m.keys.Rates):
		return m.nextUnit(), true
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) handleMoveKey(msg tea.KeyMsg) bool {
	switch {
	case key.Matches(msg, m.keys.Up):
		m.list().Move(-1)
	case key.Matches(msg, m.keys.Down):
		m.list().Move(1)
	case key.Matches(msg, m.keys.PageUp):
		m.list().Page(-1)
	case key.Matches(msg, m.keys.PageDown):
		m.list().Page(1)
	case key.Matches(msg, m.keys.Top):
		m.list().Top()
	case key.Matches(msg, m.keys.Bottom):
		m.list().Bottom()
	default:
		return false
	}
	return true
}

func (m *Model) handleViewKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	switch {
	case key.Matches(msg, m.keys.Flows):
		return m.open(viewFlows), true
	case key.Matches(msg, m.keys.Events):
		return m.open(viewEvents), true
	case key.Matches(msg, m.keys.Timeouts):
		return m.open(viewTimeouts), true
	case key.Matches(msg, m.keys.NextView):
		return m.turn(1), true
	case key.Matches(msg, m.keys.PreviousView):
		return m.turn(-1), true
	}
	return nil, false
}

// turn opens the view some tabs further.
func (m *Model) turn(by int) tea.Cmd {
	for i, t := range tabs {
		if t.view == m.view {
			return m.open(tabs[(i+by+len(tabs))%len(tabs)].view)
		}
	}
	return nil
}

func (m *Model) open(v view) tea.Cmd {
	m.view, m.mode = v, modeNormal
	return m.countTimeouts()
}

// nextUnit changes what rates count, and with it the order where that is by
// them.
func (m *Model) nextUnit() tea.Cmd {
	m.unit = m.unit.Next()
	m.by.Packets = m.unit.IsPackets()
	m.flows.SetUnit(m.unit)
	m.detail.SetUnit(m.unit)
	m.tell("rates in " + m.unit.String() + " per second")
	return m.rearrange()
}

func (m *Model) handleHelpKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Up):
		m.help.Move(-1)
	case key.Matches(msg, m.keys.Down):
		m.help.Move(1)
	case key.Matches(msg, m.keys.PageUp):
		m.help.Page(-1)
	case key.Matches(msg, m.keys.PageDown):
		m.help.Page(1)
	case key.Matches(msg, m.keys.Back, m.keys.Help, m.keys.Quit, m.keys.Enter):
		m.mode = m.back
	}
	return nil
}

func (m *Model) handleEventsKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.editFilter()
	case key.Matches(msg, m.keys.Back):
		return m.clearFilter()
	case key.Matches(msg, m.keys.Enter):
		m.openEventDetail()
	case key.Matches(msg, m.keys.Copy):
		if e := m.log.Selected(); e != nil {
			return m.copy(e.Tuple)
		}
	}
	return nil
}

// clearFilter goes back to showing everything, and from there to the flows.
func (m *Model) clearFilter() tea.Cmd {
	if m.filter.Empty() {
		return m.open(viewFlows)
	}
	return m.setFilter(filter.Filter{})
}
