package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/help"
	"ctop/ui/keys"
	"ctop/ui/work"
)

// Room is another console, as the one of a fleet.
type Room struct {
	Reader  Reader
	Options []Option
	// Close ends what the reader does. It may be called several times.
	Close func()
}

// WithDoor enables the key that opens the console of the fleet over this one. open does not
// run on the console's goroutine.
func WithDoor(open func() (Room, error)) Option {
	return func(o *options) { o.door = open }
}

// doorKey is only there where a door is.
var doorKey = keys.Bind("F", "the console of the fleet", "F")

// room is the console that is open over another one.
type room struct {
	console Model
	close   func()
}

// roomGeneration is the first one of a console over another one: ticks tell by it whose
// they are.
const roomGeneration = 1 << 40

// handleDoorKey opens the other console.
func (m *root) handleDoorKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	open := m.options.door
	if open == nil || !key.Matches(msg, doorKey) {
		return nil, false
	}
	if m.opening {
		return nil, true
	}
	m.opening = true
	m.frame.Tell("opening the fleet")
	type opened struct {
		Room
		error
	}
	return work.Do(func() opened {
		r, err := open()
		return opened{r, err}
	}, func(o opened) tea.Cmd {
		m.opening = false
		if o.error != nil {
			m.frame.Warn(o.Error())
			return nil
		}
		m.frame.Hush()
		return m.enter(o.Room)
	}), true
}

// enter shows another console until the operator leaves it.
func (m *root) enter(r Room) tea.Cmd {
	inner := New(r.Reader, r.Options...)
	inner.generation = roomGeneration
	inner.options.leave = m.leaveRoom
	inner.resize(m.frame.Width, m.frame.Height)
	m.room = &room{inner, r.Close}
	inner.place()
	return inner.Init()
}

// leaveRoom shows this console again.
func (m *root) leaveRoom() tea.Cmd {
	if m.room == nil {
		return nil
	}
	closing := m.room.close
	m.room = nil
	return work.Do(func() struct{} {
		closing()
		return struct{}{}
	}, func(struct{}) tea.Cmd { return nil })
}

// pass hands a message to the console over this one, if there is one and it is for that.
// Results of work know themselves whose they are.
func (m *root) pass(msg tea.Msg) tea.Cmd {
	if m.room == nil {
		return m.handle(msg)
	}
	inner := m.room.console
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		return batch(m.handle(msg), inner.handle(msg))
	case tea.KeyMsg:
		if len(apart(msg)) > 1 {
			return m.handleKeys(msg) // one of them may lead back here
		}
		return inner.handle(msg)
	case tea.MouseMsg:
		return inner.handle(msg)
	case tickMsg:
		if msg.generation >= roomGeneration {
			return inner.handle(msg)
		}
	}
	return m.handle(msg)
}

// settle lays out what is on the screen, and does what follows from it.
func (m *root) settle() tea.Cmd {
	m.settleScreen()
	if m.room == nil {
		return batch(m.frame.AskNames(), m.hasten())
	}
	return m.room.console.settle()
}

// settleScreen lays out what is on the screen.
func (m *root) settleScreen() {
	m.place()
	if m.room != nil {
		m.room.console.place()
	}
}

// helpSections returns what the help page says.
func (m *root) helpSections() []help.Section {
	list := sections(m.frame)
	var more []key.Binding
	if m.options.door != nil {
		more = append(more, doorKey)
	}
	if m.options.extra != nil {
		more = append(more, m.options.extra.binding())
	}
	if len(more) > 0 {
		at := slices.IndexFunc(list, func(s help.Section) bool {
			return slices.ContainsFunc(s.Keys, func(b key.Binding) bool { return b.Help() == m.frame.Keys.Help.Help() })
		})
		list[at].Keys = append(more, list[at].Keys...)
	}
	return list
}
