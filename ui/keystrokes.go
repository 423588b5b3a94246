package ui

import tea "github.com/charmbracelet/bubbletea"

// handleKeys takes keys that arrive together apart. On a slow link, as over SSH,
// two that were pressed one after the other come as one message, which no
// binding matches.
func (m *Model) handleKeys(msg tea.KeyMsg) tea.Cmd {
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 {
		return m.handleKey(msg)
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		one := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}
		if r == ' ' {
			one.Type = tea.KeySpace
		}
		if cmd := m.handleKey(one); cmd != nil {
			cmds = append(cmds, cmd)
		}
		m.place()
	}
	return tea.Batch(cmds...)
}
