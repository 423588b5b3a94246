package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/chooser"
	"ctop/ui/table"
)

// chooseColumns opens the list of columns.
func (m *Model) chooseColumns() {
	var choices []chooser.Choice
	for _, c := range table.Columns() {
		choices = append(choices, chooser.Choice{Name: c.Name, Means: c.Means, On: m.flows.Has(c.Name)})
	}
	m.chooser = chooser.New(m.theme, choices)
	m.columnsBefore = m.flows.Chosen()
	m.mode = modeColumns
}

func (m *Model) handleColumnsKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Up):
		m.chooser.Move(-1)
	case key.Matches(msg, m.keys.Down):
		m.chooser.Move(1)
	case key.Matches(msg, m.keys.Mark):
		m.chooser.Toggle()
		m.flows.Choose(m.chosenColumns())
	case key.Matches(msg, m.keys.Default):
		m.flows.Choose(nil)
		m.chooseColumns()
	case key.Matches(msg, m.keys.Enter, m.keys.Columns):
		m.mode = modeNormal
	case key.Matches(msg, m.keys.Back, m.keys.Quit):
		m.flows.Choose(m.columnsBefore)
		m.mode = modeNormal
	}
	return nil
}

func (m *Model) chosenColumns() []string {
	chosen := []string{}
	for _, c := range m.chooser.Choices() {
		if c.On {
			chosen = append(chosen, c.Name)
		}
	}
	return chosen
}
