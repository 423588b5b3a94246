package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui/help"
)

// list is what a page has that a cursor moves through, or that is scrolled.
type list interface {
	Move(lines int)
	Page(pages int)
	Top()
	Bottom()
}

func (m *Model) list() list {
	switch m.mode {
	case modeHelp:
		return &m.help
	case modeDetail:
		return &m.detail
	}
	switch m.view {
	case viewEvents:
		return &m.log
	case viewTalkers:
		return &m.talkers
	case viewOverview:
		return &m.overview
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
	{viewTalkers, "3", "Talkers"},
	{viewOverview, "4", "Overview"},
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
	case viewTalkers:
		return m.handleTalkersKey(msg)
	case viewOverview:
		return m.handleOverviewKey(msg)
	}
	return m.handleTimeoutsKey(msg)
}

// handleCommonKey takes keys that mean the same on every page.
func (m *Model) handleCommonKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	switch {
	case key.Matches(msg, m.keys.Quit):
		return m.goBack(), true
	case key.Matches(msg, m.keys.Help):
		m.back, m.mode = m.mode, modeHelp
		m.help = help.New(m.theme, m.keys.sections(m.view))
	case key.Matches(msg, m.keys.Pause):
		return m.togglePause(), true
	case key.Matches(msg, m.keys.Rates):
		return m.nextUnit(), true
	case key.Matches(msg, m.keys.Names):
		return m.toggleNames(), true
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
	for _, v := range [...]struct {
		key  key.Binding
		view view
	}{
		{m.keys.Flows, viewFlows},
		{m.keys.Events, viewEvents},
		{m.keys.Talkers, viewTalkers},
		{m.keys.Overview, viewOverview},
		{m.keys.Timeouts, viewTimeouts},
	} {
		if key.Matches(msg, v.key) {
			return m.open(v.view), true
		}
	}
	switch {
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
	m.view, m.mode, m.trail = v, modeNormal, nil
	return tea.Batch(m.retalk(), m.countTimeouts(), m.countFlows())
}

// nextUnit changes what rates count, and with it the order where that is by
// them.
func (m *Model) nextUnit() tea.Cmd {
	m.unit = m.unit.Next()
	m.applyUnit()
	m.tell("rates in " + m.unit.String() + " per second")
	return tea.Batch(m.rearrange(), m.retalk())
}

func (m *Model) applyUnit() {
	m.by.Packets, m.groupBy.Packets = m.unit.IsPackets(), m.unit.IsPackets()
	m.flows.SetUnit(m.unit)
	m.talkers.SetUnit(m.unit)
	m.detail.SetUnit(m.unit)
}

func (m *Model) handleHelpKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case m.handleMoveKey(msg):
	case key.Matches(msg, m.keys.Back, m.keys.Help, m.keys.Quit, m.keys.Enter):
		m.mode = m.back
	default:
		m.tell("no key here: Esc goes back")
	}
	return nil
}

func (m *Model) handleEventsKey(msg tea.KeyMsg) tea.Cmd {
	e := m.log.Selected()
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.editFilter()
	case key.Matches(msg, m.keys.Back):
		return m.clearFilter()
	case key.Matches(msg, m.keys.Enter):
		m.openEventDetail()
	case !key.Matches(msg, m.keys.Copy, m.keys.Like):
		m.noKey()
	case e == nil || e.Type == flow.EventLost:
		m.warn(noFlow)
	case key.Matches(msg, m.keys.Copy):
		return m.copy(e.ID, e.Tuple)
	default:
		return m.narrow(likeText(e.Tuple))
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
