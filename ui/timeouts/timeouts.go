// Package timeouts shows and edits how long a flow may be silent in each state.
package timeouts

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/prompt"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// Model is the page.
type Model struct {
	theme  theme.Theme
	window scroll.Window
	width  int
	height int

	values flow.Timeouts
	counts [len(flow.Timeouts{})]int
	loaded bool

	editing bool
	input   prompt.Model
	problem string
	// preview is how many flows the value being typed would end, less than
	// zero while that is not known.
	preview int
	// touched is how many flows have the timeout that it was counted for.
	touched int
}

// New returns an empty page.
func New(t theme.Theme) Model {
	return Model{theme: t, preview: -1}
}

// SetSize gives the page its room.
func (m *Model) SetSize(width, height int) {
	m.width, m.height = width, height
	m.window.Resize(len(m.values), m.bodyHeight())
}

// Set takes the timeouts and how many flows each applies to.
func (m *Model) Set(values flow.Timeouts, counts [len(flow.Timeouts{})]int) {
	m.values, m.counts, m.loaded = values, counts, true
}

// SetValues takes the timeouts as they are now, which a paused page shows, too:
// they are settings.
func (m *Model) SetValues(values flow.Timeouts) { m.values = values }

// Move moves the cursor.
func (m *Model) Move(lines int) { m.window.Move(lines) }

// Page moves the cursor by pages.
func (m *Model) Page(pages int) { m.window.Page(pages) }

// Top and Bottom move the cursor to the ends.
func (m *Model) Top() { m.window.To(0) }

// Bottom moves the cursor to the last timeout.
func (m *Model) Bottom() { m.window.To(len(m.values) - 1) }

// Click puts the cursor on a line.
func (m *Model) Click(y int) {
	if m.titled() {
		y--
	}
	if i, ok := m.window.Line(y); ok {
		m.window.To(i)
	}
}

// Selected returns the timeout under the cursor and its value.
func (m *Model) Selected() (flow.TimeoutName, time.Duration) {
	return flow.TimeoutName(m.window.Cursor), m.values[m.window.Cursor]
}

// Edit begins to edit the selected timeout. It reports false before the first
// snapshot, when there is nothing to edit yet.
func (m *Model) Edit() bool {
	if !m.loaded {
		return false
	}
	m.editing, m.problem, m.preview = true, "", -1
	m.input = prompt.New()
	return true
}

// Cancel ends editing and changes nothing.
func (m *Model) Cancel() { m.editing, m.problem = false, "" }

// Type edits the value and returns it, where it is one.
func (m *Model) Type(msg tea.KeyMsg) (d time.Duration, ok bool) {
	m.input.Update(msg)
	m.problem, m.preview = "", -1
	d, err := m.Value()
	return d, err == nil
}

// Value returns the value being edited.
func (m *Model) Value() (time.Duration, error) {
	d, err := flow.ParseDuration(m.input.Value())
	if err != nil {
		return 0, err
	}
	return d, flow.CheckTimeout(d)
}

// Refuse shows what is wrong with the value.
func (m *Model) Refuse(err error) { m.problem = err.Error() }

// Preview says how many flows a value would touch and end. It counts only while
// that is still the value being edited.
func (m *Model) Preview(name flow.TimeoutName, d time.Duration, touched, ending int) {
	selected, _ := m.Selected()
	if typed, err := m.Value(); err == nil && typed == d && selected == name {
		m.touched, m.preview = touched, ending
	}
}

// bodyHeight leaves a line for the titles and two for what is being edited.
func (m *Model) bodyHeight() int {
	if m.titled() {
		return m.height - 3
	}
	return m.height
}

func (m *Model) titled() bool { return m.height >= 6 }
