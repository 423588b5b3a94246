// Package chooser lets the operator say which columns a list has.
package chooser

import (
	"strings"

	"ctop/internal/format"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// Choice is one column.
type Choice struct {
	Name  string
	Means string
	On    bool
}

// Model is the list of choices.
type Model struct {
	theme   theme.Theme
	window  scroll.Window
	choices []Choice
}

// New returns a list with the cursor on the first choice.
func New(t theme.Theme, choices []Choice) Model {
	m := Model{theme: t, choices: choices}
	m.window.Resize(len(choices), len(choices))
	return m
}

// Choices returns what was chosen.
func (m *Model) Choices() []Choice { return m.choices }

// Move moves the cursor.
func (m *Model) Move(lines int) { m.window.Move(lines) }

// Toggle takes the column under the cursor in, or out.
func (m *Model) Toggle() {
	if m.window.Cursor < len(m.choices) {
		c := &m.choices[m.window.Cursor]
		c.On = !c.On
	}
}

const (
	frame     = 4
	nameWidth = 9
)

// Lines draws the list as a box of at most the given size.
func (m *Model) Lines(width, height int) []string {
	inner := min(width-frame, 46)
	if inner < 1 || height < 3 {
		return nil
	}
	visible := m.window
	visible.Resize(len(m.choices), height-2)
	title := format.Cut(" columns: those that fit are shown ", inner)
	lines := []string{"┌" + m.theme.Title.Render(title) + strings.Repeat("─", max(inner+2-format.Width(title), 0)) + "┐"}
	first, end := visible.Visible()
	for i := first; i < end; i++ {
		text := format.Left(m.line(m.choices[i]), inner)
		if i == visible.Cursor {
			text = m.theme.Cursor.Render("▌" + text[1:])
		}
		lines = append(lines, "│ "+text+" │")
	}
	return append(lines, "└"+strings.Repeat("─", inner+2)+"┘")
}

func (m *Model) line(c Choice) string {
	box := "[ ]"
	if c.On {
		box = "[x]"
	}
	return " " + box + " " + format.Left(c.Name, nameWidth) + " " + c.Means
}
