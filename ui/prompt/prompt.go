// Package prompt is a line to type into. The editing is bubbles/textinput's;
// the drawing is our own, so that nothing blinks and every session has its own
// styles.
package prompt

import (
	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
)

const (
	caret = "▏"
	limit = 512
)

// Model is the line.
type Model struct {
	input textinput.Model
}

// New returns an empty line that takes keys.
func New() Model {
	input := textinput.New()
	input.CharLimit = limit
	// The clipboard would be the one of the host that ctop runs on, not the
	// one of whoever sits at the other end of an SSH session. A terminal's
	// own paste arrives as keys.
	input.KeyMap.Paste = key.NewBinding(key.WithDisabled())
	input.Focus()
	return Model{input: input}
}

// Set replaces the text and puts the caret behind it.
func (m *Model) Set(text string) {
	m.input.SetValue(text)
	m.input.CursorEnd()
}

// Value returns the text.
func (m Model) Value() string { return m.input.Value() }

// Update edits the text.
func (m *Model) Update(msg tea.KeyMsg) {
	m.input, _ = m.input.Update(msg)
}

// ColumnAt returns at which cell of the view the n-th character stands, as far as
// the view shows it.
func (m Model) ColumnAt(n, width int) int {
	runes := []rune(m.input.Value())
	at := min(m.input.Position(), len(runes))
	before := format.Clean(string(runes[:at]))
	hidden := 0
	for format.Width(before)+1 > width && before != "" {
		before = string([]rune(before)[1:])
		hidden++
	}
	n = min(max(n, hidden), len(runes))
	column := format.Width(format.Clean(string(runes[hidden:n])))
	if n > at {
		column += format.Width(caret)
	}
	return column
}

// View draws the part of the text around the caret that fits.
func (m Model) View(width int) string {
	runes := []rune(m.input.Value())
	at := min(m.input.Position(), len(runes))
	before, after := format.Clean(string(runes[:at])), format.Clean(string(runes[at:]))
	for format.Width(before)+1 > width && before != "" {
		before = string([]rune(before)[1:])
	}
	return format.Cut(before+caret+after, width)
}
