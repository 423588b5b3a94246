package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/confirm"
)

// Ending decides what becomes of the tracker when its owner's console quits. Its
// methods are called off the console's goroutine.
type Ending interface {
	// Ends reports whether the tracker would end with this console.
	Ends() bool
	// Keepable reports whether it could go on without one.
	Keepable() bool
	// Keep has it go on when the console quits.
	Keep() error
}

// WithEnding asks what is to become of the tracker before the console quits.
// Without it the console quits unasked.
func WithEnding(e Ending) Option {
	return func(o *options) { o.ending = e }
}

// leaveMsg asks what is to become of the tracker.
type leaveMsg struct{ keepable bool }

// keptMsg is what became of keeping it.
type keptMsg struct{ err error }

// leaving is the question what is to become of the tracker, above whatever else
// is on the screen.
type leaving struct {
	asked    bool
	question confirm.Model
	// interrupted is set where the last key was the interrupt.
	interrupted bool
	// pending is set until it is known whether to ask, and typed is what is typed
	// meanwhile.
	pending bool
	typed   []tea.KeyMsg
}

// goBack closes the detail, or retraces a drill-down. Where there is nothing to go
// back from it leaves.
func (m *Model) goBack() tea.Cmd {
	switch {
	case m.mode == modeDetail:
		m.mode = modeNormal
		return nil
	case m.view == viewFlows && len(m.trail) > 0:
		return m.retrace()
	}
	return m.leave()
}

// leave quits, after a question where the tracker would end.
func (m *Model) leave() tea.Cmd {
	e := m.options.ending
	if e == nil {
		return tea.Quit
	}
	m.leaving.pending = true
	return func() tea.Msg {
		if !e.Ends() {
			return tea.QuitMsg{}
		}
		return leaveMsg{keepable: e.Keepable()}
	}
}

// askLeave asks, and takes what was typed since for the answer.
func (m *Model) askLeave(msg leaveMsg) tea.Cmd {
	typed := m.leaving.typed
	m.leaving.asked, m.leaving.pending, m.leaving.typed = true, false, nil
	m.keys.Keep.SetEnabled(msg.keepable)
	between := "its interfaces"
	if m.latest != nil {
		between = interfaceNames(m.latest)
	}
	var choices []string
	for _, h := range m.leaveHints() {
		choices = append(choices, shortName(h.key)+" "+h.does)
	}
	m.leaving.question = confirm.New(m.theme, confirm.Question{
		Title:   "stop forwarding?",
		Lines:   []string{"the tracker ends with the console,", "then nothing passes " + between},
		Choices: strings.Join(choices, "   "),
	})
	var cmds []tea.Cmd
	for _, k := range typed {
		cmds = append(cmds, m.handleKey(k))
	}
	return tea.Batch(cmds...)
}

func (m *Model) leaveHints() (hints []hint) {
	for _, h := range []hint{{m.keys.Stop, "stop"}, {m.keys.Keep, "keep running"}, {m.keys.Stay, "stay"}} {
		if h.key.Enabled() {
			hints = append(hints, h)
		}
	}
	return hints
}

// handleLeaveKey takes the answer. To stay is the answer of every key that could
// have been hit by mistake.
func (m *Model) handleLeaveKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Stop):
		return tea.Quit
	case key.Matches(msg, m.keys.Keep):
		e := m.options.ending
		return func() tea.Msg { return keptMsg{e.Keep()} }
	case key.Matches(msg, m.keys.Stay):
		m.leaving.asked = false
	}
	return nil
}

// handleInterrupt leaves, whatever is open. The second one in a row quits unasked.
func (m *Model) handleInterrupt() tea.Cmd {
	if m.leaving.asked || m.leaving.interrupted {
		return tea.Quit
	}
	m.leaving.interrupted = true
	return m.leave()
}

func (m *Model) handleKept(msg keptMsg) tea.Cmd {
	if msg.err == nil {
		return tea.Quit
	}
	m.leaving.asked = false
	m.warn(msg.err.Error())
	return nil
}
