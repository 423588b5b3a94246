// Package chooser is the dialog in which the operator selects a list's columns.
package chooser

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/scroll"
)

// Choice is one column.
type Choice struct {
	Name  string
	Means string
	On    bool
	// NoRoom: it is on, but the screen is too narrow for it.
	NoRoom bool
}

// List is a list with selectable columns.
type List interface {
	// Choices returns every column.
	Choices() []Choice
	// Chosen returns the names of the shown columns, nil for the standard
	// ones. Choose sets them.
	Chosen() []string
	Choose(names []string)
}

// Dialog is the list of choices. The list shows a choice at once.
type Dialog struct {
	page.Plain
	frame   *page.Frame
	list    List
	before  []string
	window  scroll.Window
	choices []Choice
	// page is how many choices were on the screen.
	page int
}

// Open opens the dialog with the cursor on the first choice.
func Open(f *page.Frame, list List) {
	d := &Dialog{frame: f, list: list, before: list.Chosen()}
	d.load()
	f.Ask(d)
}

func (d *Dialog) load() {
	d.choices = d.list.Choices()
	d.window = scroll.Window{}
	d.window.Resize(len(d.choices), len(d.choices))
}

// HandleKey moves the cursor, toggles columns, and closes the dialog.
func (d *Dialog) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := d.frame.Keys
	switch {
	case k.Move(mover{d}, msg):
	case key.Matches(msg, k.Mark):
		d.toggle()
	case key.Matches(msg, k.Default):
		d.list.Choose(nil)
		d.before = nil
		d.load()
	case key.Matches(msg, k.Enter, k.Columns):
		d.frame.Close(d)
	case key.Matches(msg, k.Back, k.Quit):
		d.list.Choose(d.before)
		d.frame.Close(d)
	}
	return nil
}

// mover moves the cursor.
type mover struct{ *Dialog }

func (m mover) Move(lines int) { m.window.Move(lines) }
func (m mover) Page(pages int) { m.window.Move(pages * max(m.page, 1)) }
func (m mover) Top()           { m.window.To(0) }
func (m mover) Bottom()        { m.window.To(len(m.choices)) }

// toggle shows or hides the column under the cursor.
func (d *Dialog) toggle() {
	if d.window.Cursor >= len(d.choices) {
		return
	}
	c := &d.choices[d.window.Cursor]
	c.On = !c.On
	chosen := []string{}
	for _, c := range d.choices {
		if c.On {
			chosen = append(chosen, c.Name)
		}
	}
	d.list.Choose(chosen)
}

// Footer names the keys.
func (d *Dialog) Footer(width, _ int) []string {
	k := d.frame.Keys
	return []string{page.HintLine(d.frame.Theme, width, []page.Hint{
		{Key: k.Mark, Does: "show or hide"}, {Key: k.Default, Does: "as at first"}, {Key: k.Enter, Does: "done"},
	}, []page.Hint{{Key: k.Back, Does: "drop"}})}
}

const nameWidth = 11

// Box draws the list as a box of at most the given size.
func (d *Dialog) Box(width, height int) []string {
	choices := d.list.Choices() // as the screen is now
	d.page = max(height-3, 1)
	return page.List{
		Title: "columns: [-] has no room here", Window: d.window, Most: 48,
		Line: func(i int) string { return line(choices[i]) },
	}.Box(d.frame.Theme, width, height)
}

func line(c Choice) string {
	box := "[ ]"
	switch {
	case c.NoRoom:
		box = "[-]"
	case c.On:
		box = "[x]"
	}
	return box + " " + format.Left(c.Name, nameWidth) + " " + c.Means
}
