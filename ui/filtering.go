package ui

import (
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/ui/prompt"
)

// editFilter begins to type a filter, beginning with the present one.
func (m *Model) editFilter() {
	m.mode, m.filterBefore, m.filterError = modeFilter, m.filter, nil
	m.ways = nil
	m.input = prompt.New()
	m.input.Set(m.filter.String())
}

func (m *Model) handleFilterKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Enter):
		return m.keepFilter()
	case key.Matches(msg, m.keys.Back):
		m.mode, m.filterError = modeNormal, nil
		return m.setFilter(m.filterBefore)
	case key.Matches(msg, m.keys.Complete):
		text, ways := filter.Complete(m.input.Value())
		m.input.Set(text)
		cmd := m.filterTyped()
		m.ways = ways
		return cmd
	case msg.Type == tea.KeyUp, msg.Type == tea.KeyDown, msg.Type == tea.KeyPgUp, msg.Type == tea.KeyPgDown:
		m.handleMoveKey(msg)
		return nil
	}
	m.input.Update(msg)
	m.ways = nil
	return m.filterTyped()
}

// filterTyped shows what the filter would show. A term whose name is still
// being typed does not count yet, so that the list does not empty on the way.
func (m *Model) filterTyped() tea.Cmd {
	return m.tryFilter(filter.Finished(m.input.Value()))
}

// keepFilter ends the typing, unless what was typed cannot be read.
func (m *Model) keepFilter() tea.Cmd {
	cmd := m.tryFilter(m.input.Value())
	if m.filterError == nil {
		m.mode, m.trail = modeNormal, nil
	}
	return cmd
}

// tryFilter reads a filter. While it cannot be read the last one that could
// stays.
func (m *Model) tryFilter(text string) tea.Cmd {
	f, err := m.parse(text)
	m.filterError = nil
	if errors.As(err, &m.filterError) {
		return nil
	}
	return m.setFilter(f)
}

// parse reads a filter, which may have names of hosts while they are shown.
func (m *Model) parse(text string) (filter.Filter, error) {
	if m.names.On() && m.names.Resolves() {
		return filter.ParseNamed(text)
	}
	return filter.Parse(text)
}

func (m *Model) setFilter(f filter.Filter) tea.Cmd {
	if f.String() == m.filter.String() {
		return nil
	}
	m.filter = f
	m.log.SetFilter(m.named(f))
	m.flows.SetEnded(m.endedReasons())
	return tea.Batch(m.rearrange(), m.retalk())
}
