package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/help"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Update routes a message to what handles it.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.pass(msg)
	return m, batch(cmd, m.settle())
}

// batch is [tea.Batch] without a goroutine for a command that is nil.
func batch(a, b tea.Cmd) tea.Cmd {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	}
	return tea.Batch(a, b)
}

func (m *root) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyMsg:
		return m.handleKeys(msg)
	case tea.MouseMsg:
		return m.handleMouse(msg)
	case tickMsg:
		return m.handleTick(msg)
	case work.Done:
		return msg.Take()
	}
	return nil
}

// resize takes the size of the terminal, or the one in the options if the terminal
// does not know its own.
func (m *root) resize(width, height int) {
	if width <= 0 || height <= 0 {
		width, height = m.options.width, m.options.height
	}
	m.frame.Width, m.frame.Height = width, height
}

// handleKeys takes keys apart that arrive together. On a slow link, as over SSH, two
// keys that were pressed one after the other come as one message, which no binding
// matches.
func (m *root) handleKeys(msg tea.KeyMsg) tea.Cmd {
	list := apart(msg)
	if msg.Alt && m.frame.Dialog() == nil { // nothing but prompts has keys with Alt: that was Esc
		msg.Alt = false
		list = append([]tea.KeyMsg{{Type: tea.KeyEsc}}, apart(msg)...)
	}
	if len(list) == 1 {
		return m.handleKey(msg)
	}
	var cmds []tea.Cmd
	for _, one := range list {
		if cmd := m.pass(one); cmd != nil { // the one before may have opened another console
			cmds = append(cmds, cmd)
		}
		m.settleScreen()
	}
	return tea.Batch(cmds...)
}

// apart returns the keys of a message.
func apart(msg tea.KeyMsg) []tea.KeyMsg {
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 {
		return []tea.KeyMsg{msg}
	}
	var list []tea.KeyMsg
	for _, r := range msg.Runes {
		one := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}
		if r == ' ' {
			one.Type = tea.KeySpace
		}
		list = append(list, one)
	}
	return list
}

// handleKey routes a key to the open dialog, or to the page on the screen.
func (m *root) handleKey(msg tea.KeyMsg) tea.Cmd {
	f := m.frame
	if key.Matches(msg, f.Keys.Interrupt) {
		return m.leaving.Interrupt()
	}
	if key.Matches(msg, f.Keys.Redraw) {
		return tea.ClearScreen
	}
	if m.leaving.TakeKey(msg) {
		return nil
	}
	d := f.Dialog()
	if d == m.leaving {
		return d.HandleKey(msg)
	}
	f.Hush()
	if !key.Matches(msg, f.Keys.Copy) {
		m.acts.StopCopying()
	}
	if d != nil {
		return d.HandleKey(msg)
	}
	defer m.steer(f.Paused)
	return m.handlePageKey(msg)
}

// handlePageKey has the page take a key, or takes one that means the same on every
// page.
func (m *root) handlePageKey(msg tea.KeyMsg) tea.Cmd {
	front := m.frame.Front()
	if m.refusePast(front, msg) {
		return nil
	}
	if cmd, refused := m.refuse(front, msg); refused {
		return cmd
	}
	for _, handle := range []func(tea.KeyMsg) (tea.Cmd, bool){front.HandleKey, m.handleFleetKey, m.handleDeckKey, m.handlePastKey, m.handleCaptureKey, m.handleDoorKey, m.handleExtraKey, m.handleCommonKey, m.frame.HandleTabKey} {
		if cmd, ok := handle(msg); ok {
			return cmd
		}
	}
	if !m.frame.Keys.Move(front, msg) {
		m.frame.Tell("no key here: ? lists the keys")
	}
	return nil
}

// refuse answers a key that changes something if the operator may not do that.
func (m *root) refuse(p page.Page, msg tea.KeyMsg) (cmd tea.Cmd, refused bool) {
	refuse := m.frame.Refuse
	if refuse == nil {
		return nil, false
	}
	attempt, ok := m.attempt(p, msg)
	if !ok {
		return nil, false
	}
	return work.Do(func() error { return refuse(attempt) }, func(err error) tea.Cmd {
		return m.frame.Report("", err)
	}), true
}

// attempt returns the act of a key, on the page's flows or on what the filter shows.
func (m *root) attempt(p page.Page, msg tea.KeyMsg) (page.Attempt, bool) {
	if attempt, ok := p.Attempt(msg); ok {
		return attempt, true
	}
	return m.acts.Attempt(msg, nil)
}

// handleCaptureKey begins a capture of what the filter shows, or ends one.
func (m *root) handleCaptureKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	return m.acts.HandleCapture(msg)
}

// handleCommonKey takes keys that mean the same on every page.
func (m *root) handleCommonKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	f := m.frame
	switch {
	case key.Matches(msg, f.Keys.Quit):
		return m.goBack(), true
	case m.views.HandleKey(msg):
	case key.Matches(msg, f.Keys.Help):
		f.Push(help.New(f, m.helpSections()))
	case key.Matches(msg, f.Keys.Pause):
		if f.Paused {
			m.release()
		}
		return f.TogglePause(), true
	case key.Matches(msg, f.Keys.Sick):
		return f.ToggleSick(), true
	case key.Matches(msg, f.Keys.SetMark):
		return f.SetMark(), true
	case key.Matches(msg, f.Keys.Compare):
		return f.ToggleCompare(), true
	case key.Matches(msg, f.Keys.Rates):
		return f.NextUnit(), true
	case key.Matches(msg, f.Keys.Names):
		return f.ToggleNames(), true
	default:
		return nil, false
	}
	return nil, true
}

// goBack closes the page over the tab, or retraces a drill-down. If there is nothing
// to go back from, it leaves.
func (m *root) goBack() tea.Cmd {
	switch f := m.frame; {
	case len(f.Over()) > 0:
		f.Pop()
		return nil
	case f.CameFrom() != "":
		return f.Retrace()
	case m.options.leave != nil:
		return m.options.leave()
	}
	return m.leaving.Leave()
}
