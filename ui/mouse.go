package ui

import tea "github.com/charmbracelet/bubbletea"

// wheelLines is how far one notch of the wheel goes.
const wheelLines = 3

// handleMouse scrolls and selects. A question, and a line being typed, are
// answered by keys only.
func (m *Model) handleMouse(msg tea.MouseMsg) tea.Cmd {
	if m.leaving.asked {
		return nil
	}
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		m.wheel(-wheelLines)
	case tea.MouseButtonWheelDown:
		m.wheel(wheelLines)
	case tea.MouseButtonLeft:
		if msg.Action == tea.MouseActionPress && m.mode == modeNormal {
			m.status = status{}
			return m.click(msg.X, msg.Y)
		}
	}
	return nil
}

func (m *Model) wheel(lines int) {
	switch m.mode {
	case modeNormal, modeFilter, modeSort, modeDetail, modeHelp:
		m.list().Move(lines)
	}
}

func (m *Model) click(x, y int) tea.Cmd {
	l := m.layout()
	if l.tabs && y == l.tabsY() {
		if v, ok := m.tabAt(x); ok {
			return m.open(v)
		}
		return nil
	}
	if y < l.bodyY || y >= l.bodyY+l.bodyHeight {
		return nil
	}
	switch m.view {
	case viewEvents:
		m.log.Click(y - l.bodyY)
	case viewTalkers:
		if by, title := m.talkers.Click(x, y-l.bodyY); title {
			return m.sortGroups(by)
		}
	case viewOverview:
	case viewTimeouts:
		m.limits.Click(y - l.bodyY)
	default:
		if k, title := m.flows.Click(x, y-l.bodyY); title {
			return m.sortByKey(k)
		}
	}
	return nil
}
