package ui

import (
	"net/netip"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/names"
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
	return m.refilter()
}

// named returns a filter with the names that are shown.
func (m *Model) named(f filter.Filter) filter.Filter {
	if !f.UsesNames() {
		return f
	}
	return f.Named(m.names.Known())
}

func (m *Model) handleNamed(msg namedMsg) tea.Cmd {
	m.names.Add(msg.address, msg.name)
	m.flows.Named()
	return m.refilter()
}

// refilter has everything filtered anew where that depends on names, which have
// changed.
func (m *Model) refilter() tea.Cmd {
	if !m.filter.UsesNames() {
		return nil
	}
	m.log.SetFilter(m.named(m.filter))
	m.stale, m.talk.stale = true, true
	return tea.Batch(m.arrangeIfStale(), m.talkIfStale())
}

// askNames has the names looked up of the addresses that can be seen, or that a filter has names for.
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

// mostFiltered is how many flows have their addresses looked up because a filter
// asks for names: as many as there is room for.
const mostFiltered = names.Limit / 2

func (m *Model) visibleAddresses() []netip.Addr {
	if m.filter.WantsNames() && m.target != nil {
		var all []netip.Addr
		for i := range m.target.Flows[:min(mostFiltered, len(m.target.Flows))] {
			t := &m.target.Flows[i].Tuple
			all = append(all, t.Src.Addr(), t.Dst.Addr())
		}
		return all
	}
	switch m.view {
	case viewFlows:
		return m.flows.Addresses()
	case viewTalkers:
		return m.talkers.Addresses()
	}
	return nil
}
