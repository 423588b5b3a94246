package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// act returns what carries out an act, off the console's goroutine, and says what
// became of it. An act that was confirmed is finished even if the console ends
// meanwhile.
func (m *Model) act(a flow.Act, say func(flow.Outcome, error) doneMsg) tea.Cmd {
	actor := m.options.actor
	if actor == nil {
		return func() tea.Msg { return doneMsg{err: errShownOnly} }
	}
	return func() tea.Msg { return say(actor.Act(context.Background(), a)) }
}
