package ui

import (
	"net/netip"

	tea "github.com/charmbracelet/bubbletea"
)

// toggleNames shows names in place of numbers, or numbers again.
func (m *Model) toggleNames() tea.Cmd {
	m.names.Set(!m.names.On())
	m.flows.Renamed()
	switch {
	case !m.names.On():
		m.tell("addresses and ports as numbers")
	case m.names.Resolves():
		m.tell("names of addresses and ports, looked up in the background")
	default:
		m.tell("names of ports; addresses are not looked up here")
	}
	return nil
}

// askNames has the names looked up of the addresses that can be seen.
func (m *Model) askNames() tea.Cmd {
	if !m.names.On() || !m.names.Resolves() {
		return nil
	}
	var cmds []tea.Cmd
	for _, a := range m.names.Wanted(m.visibleAddresses()) {
		book := m.names
		cmds = append(cmds, func() tea.Msg { return namedMsg{address: a, name: book.Ask(a)} })
	}
	if cmds == nil {
		return nil
	}
	return tea.Batch(cmds...)
}

func (m *Model) visibleAddresses() []netip.Addr {
	switch m.view {
	case viewFlows:
		return m.flows.Addresses()
	case viewTalkers:
		return m.talkers.Addresses()
	}
	return nil
}
