package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/charmbracelet/bubbles/key"
)

// Update routes a message to what handles it.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.handle(msg)
	m.place()
	return m, batch(cmd, m.askNames())
}

// batch is [tea.Batch] without a goroutine for what is not there.
func batch(a, b tea.Cmd) tea.Cmd {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	}
	return tea.Batch(a, b)
}

// resize takes the size of the terminal, or in its place the one that is meant
// for terminals which do not know theirs.
func (m *Model) resize(width, height int) {
	if width <= 0 || height <= 0 {
		width, height = m.options.width, m.options.height
	}
	m.width, m.height = width, height
}

func (m *Model) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyMsg:
		return m.handleKeys(msg)
	case tea.MouseMsg:
		return m.handleMouse(msg)
	case tickMsg:
		return m.handleTick(msg)
	case polledMsg:
		return m.handlePolled(msg)
	case arrangedMsg:
		return m.handleArranged(msg)
	case talkedMsg:
		return m.handleTalked(msg)
	case totalledMsg:
		m.overview.Set(msg.count, msg.opening)
	case resumedMsg:
		m.tell(resumed(msg))
	case returnedMsg:
		m.handleReturned(msg)
	case namedMsg:
		return m.handleNamed(msg)
	case surveyedMsg:
		m.handleSurveyed(msg)
	case countedMsg:
		m.limits.Set(msg.values, msg.counts)
	case endingMsg:
		return m.handleEnding(msg)
	case doneMsg:
		return m.handleDone(msg)
	case leaveMsg:
		return m.askLeave(msg)
	case keptMsg:
		return m.handleKept(msg)
	}
	return nil
}

func (m *Model) handleKey(msg tea.KeyMsg) tea.Cmd {
	if key.Matches(msg, m.keys.Interrupt) {
		return m.handleInterrupt()
	}
	m.leaving.interrupted = false
	switch {
	case m.leaving.asked:
		return m.handleLeaveKey(msg)
	case m.leaving.pending:
		m.leaving.typed = append(m.leaving.typed, msg)
		return nil
	}
	m.status = status{}
	if !key.Matches(msg, m.keys.Copy) {
		m.copied = copied{}
	}
	if cmd, refused := m.refuse(msg); refused {
		return cmd
	}
	switch m.mode {
	case modeFilter:
		return m.handleFilterKey(msg)
	case modeSort:
		return m.handleSortKey(msg)
	case modeColumns:
		return m.handleColumnsKey(msg)
	case modeEdit:
		return m.handleEditKey(msg)
	case modeConfirm:
		return m.handleConfirmKey(msg)
	case modeHelp:
		return m.handleHelpKey(msg)
	case modeDetail:
		return m.handleDetailKey(msg)
	}
	return m.handleNormalKey(msg)
}
