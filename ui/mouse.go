package ui

import tea "github.com/charmbracelet/bubbletea"

// wheelLines is how far one notch of the wheel goes.
const wheelLines = 3

// handleMouse scrolls and selects. Dialogs are answered by keys only.
func (m *root) handleMouse(msg tea.MouseMsg) tea.Cmd {
	d := m.frame.Dialog()
	switch {
	case d != nil && !d.Below().Scrolls:
	case msg.Button == tea.MouseButtonWheelUp:
		m.frame.Front().Move(-wheelLines)
	case msg.Button == tea.MouseButtonWheelDown:
		m.frame.Front().Move(wheelLines)
	case msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress && m.frame.Idle():
		m.frame.Hush()
		return m.click(msg.X, msg.Y)
	}
	return nil
}

func (m *root) click(x, y int) tea.Cmd {
	l := m.layout()
	if l.tabs && y == l.tabsY() {
		if i, ok := m.tabAt(x); ok {
			return m.frame.OpenTab(i)
		}
		return nil
	}
	if y < l.bodyY || y >= l.bodyY+l.bodyHeight {
		return nil
	}
	return m.frame.Tab().Click(x, y-l.bodyY)
}
