package page

import tea "github.com/charmbracelet/bubbletea"

// Dialog takes all keys until it is closed. It is a question, a line to type in or a
// list to choose from. A dialog embeds [Plain] for the methods that it does not use.
type Dialog interface {
	// HandleKey takes every key. It calls [Frame.Close] to end the dialog.
	HandleKey(msg tea.KeyMsg) tea.Cmd
	// Box returns a box to draw over the page.
	Box(width, height int) []string
	// Rows returns how many lines the dialog needs above the footer.
	Rows(width int) int
	// Footer returns the lines that replace the footer: one, plus at most rows
	// more.
	Footer(width, rows int) []string
	// Below says how the page below behaves meanwhile.
	Below() Below
}

// Below says how the page below a dialog behaves.
type Below struct {
	// Scrolls lets the wheel of the mouse scroll the page.
	Scrolls bool
	// HidesAside removes the lines below the page that describe the selected
	// line.
	HidesAside bool
}

// Plain is a dialog without a box and without lines above the footer.
type Plain struct{}

// Box returns no box.
func (Plain) Box(int, int) []string { return nil }

// Rows returns zero.
func (Plain) Rows(int) int { return 0 }

// Below returns the zero value.
func (Plain) Below() Below { return Below{} }

// Ask opens a dialog in place of the one that is open.
func (f *Frame) Ask(d Dialog) { f.dialog = d }

// AskAbove opens a dialog above any other, which stays open below it.
func (f *Frame) AskAbove(d Dialog) { f.above = d }

// Close closes a dialog, if it is open.
func (f *Frame) Close(d Dialog) {
	switch d {
	case f.above:
		f.above = nil
	case f.dialog:
		f.dialog = nil
	}
}

// Dialog returns the dialog that takes the keys, nil if there is none.
func (f *Frame) Dialog() Dialog {
	if f.above != nil {
		return f.above
	}
	return f.dialog
}

// Dialogs returns the open dialogs, the topmost last.
func (f *Frame) Dialogs() (list []Dialog) {
	for _, d := range []Dialog{f.dialog, f.above} {
		if d != nil {
			list = append(list, d)
		}
	}
	return list
}

// Idle reports whether a tab is on the screen, with nothing over it.
func (f *Frame) Idle() bool { return f.dialog == nil && len(f.over) == 0 }
