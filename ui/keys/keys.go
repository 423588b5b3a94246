// Package keys holds the keys that pages and dialogs of the console share. A key
// that only one page has is declared by that page.
package keys

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// Map is every shared key. The help page and the manual's table of keys are made
// from it and from the keys of the pages.
type Map struct {
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding

	NextView, PreviousView key.Binding

	Enter, Back, Filter, Sick, Complete, Like, Sort, Reverse key.Binding
	Pause, Rates, Names, Columns, Copy, Export               key.Binding

	Views, SaveView key.Binding

	Mark, Delete, DeleteAll, Reset, Longer, Shorter, Pin, Default key.Binding

	Capture, CaptureAll key.Binding

	Yes, No key.Binding

	Left, Right, DefaultSort key.Binding

	SetMark, Compare key.Binding

	Earlier, Later, MuchEarlier, MuchLater, Present, Slower, Faster key.Binding

	Help, Quit, Interrupt, Redraw, Suspend key.Binding

	Stop, Keep, Stay key.Binding
}

// Default returns the keys that the manual promises.
func Default() *Map {
	k := &Map{
		NextView:     Bind("Tab", "next view", "tab"),
		PreviousView: Bind("Shift-Tab", "previous view", "shift+tab"),

		Help:      Bind("? F1", "this page", "?", "f1"),
		Quit:      Bind("q F10", "back, or quit", "q", "f10"),
		Interrupt: Bind("Ctrl-C", "quit, whatever is open", "ctrl+c"),
		Redraw:    Bind("Ctrl-L", "draw the screen again", "ctrl+l"),
		Suspend:   Bind("Ctrl-Z", "suspend; fg goes on", "ctrl+z"),

		Stop: Bind("s", "end the tracker", "s", "S"),
		Keep: Bind("k", "keep it running", "k", "K"),
		Stay: Bind("Esc q", "stay", "esc", "q", "f10", "enter", "n", "N"),
	}
	k.bindMovement()
	k.bindShowing()
	k.bindActing()
	k.bindTime()
	return k
}

// Bind returns a binding with the name and the meaning that the help page shows.
func Bind(name, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
}

// ShortName returns the first of a binding's names, for the footer.
func ShortName(b key.Binding) string {
	name, _, _ := strings.Cut(b.Help().Key, " ")
	return name
}

func (k *Map) bindMovement() {
	k.Up = Bind("↑ k", "up", "up", "k")
	k.Down = Bind("↓ j", "down", "down", "j")
	k.PageUp = Bind("PgUp ^B", "a page up", "pgup", "ctrl+b")
	k.PageDown = Bind("PgDn ^F", "a page down", "pgdown", "ctrl+f")
	k.Top = Bind("g Home", "to the top, and stay there", "g", "home")
	k.Bottom = Bind("G End", "to the bottom", "G", "end")
	k.Left = Bind("← h", "the column to the left", "left", "h")
	k.Right = Bind("→ l", "the column to the right", "right", "l")
	k.DefaultSort = Bind("0", "by rate, as at first", "0")
}

func (k *Map) bindShowing() {
	k.Enter = Bind("⏎", "everything about the flow", "enter")
	k.Back = Bind("Esc", "back; drop marks, filter", "esc")
	k.Filter = Bind("/ F3 F4", "filter; Tab completes", "/", "f3", "f4")
	k.Sick = Bind("!", "sick flows; again: all", "!")
	k.Complete = Bind("Tab", "complete the word", "tab")
	k.Like = Bind("f", "flows to the same service", "f")
	k.Sort = Bind("s F6", "choose the sort column", "s", "f6")
	k.Reverse = Bind("S", "reverse the order", "S")
	k.Pause = Bind("p", "pause; then: what changed", "p")
	k.Rates = Bind("r", "bits, bytes or packets", "r")
	k.Views = Bind("v", "choose a saved view", "v")
	k.SaveView = Bind("V", "save this view", "V")
	k.Names = Bind("n", "names, or numbers", "n")
	k.Columns = Bind("c", "choose the columns", "c")
	k.Copy = Bind("y", "copy tuple; again: commands", "y")
	k.Export = Bind("e", "export to a file", "e")
}

func (k *Map) bindActing() {
	k.Mark = Bind("Space", "mark, and go down", " ")
	k.Delete = Bind("d F9", "delete flow/marked (asks)", "d", "f9")
	k.DeleteAll = Bind("D", "delete all shown (asks)", "D")
	k.Reset = Bind("x", "reset at both ends (asks)", "x")
	k.Longer = Bind("+", "double the flow's timeout", "+", "=")
	k.Shorter = Bind("-", "halve the flow's timeout", "-")
	k.Pin = Bind("P", "keep its timeout as it is", "P")
	k.Default = Bind("0", "give it the default again", "0")
	k.Capture = Bind("w", "write its packets, or end", "w")
	k.CaptureAll = Bind("W", "write those of all shown", "W")
	k.Yes = Bind("y", "yes", "y", "Y")
	k.No = Bind("n Esc ⏎", "no", "n", "N", "esc", "enter", "q", "f10")
}

func (k *Map) bindTime() {
	k.SetMark = Bind("m", "mark this moment in time", "m")
	k.Compare = Bind("M", "what changed; again: all", "M")
	k.Earlier = Bind("[", "back in time, by a snapshot", "[")
	k.Later = Bind("]", "forward, by a snapshot", "]")
	k.MuchEarlier = Bind("{", "back in time, by a minute", "{")
	k.MuchLater = Bind("}", "forward, by a minute", "}")
	k.Present = Bind("End", "back to now", "end")
	k.Slower = Bind("<", "play a recording slower", "<")
	k.Faster = Bind(">", "play a recording faster", ">")
}

// SetPast enables or disables the keys that lead to another time.
func (k *Map) SetPast(enabled bool) {
	for _, b := range [...]*key.Binding{&k.Earlier, &k.Later, &k.MuchEarlier, &k.MuchLater, &k.Present, &k.Slower, &k.Faster} {
		b.SetEnabled(enabled)
	}
}

// SetPart disables the keys that need all flows of a machine, or its packets, for a console
// that has a part of the flows of many.
func (k *Map) SetPart() {
	for _, b := range [...]*key.Binding{&k.SetMark, &k.Compare, &k.Capture, &k.CaptureAll} {
		b.SetEnabled(false)
	}
	k.Pause.SetHelp(k.Pause.Help().Key, "pause, or go on")
}

// Mover is a list with a cursor, or a text that scrolls.
type Mover interface {
	Move(lines int)
	Page(pages int)
	Top()
	Bottom()
}

// Move moves a list if the key is one that moves, and reports whether it is.
func (k *Map) Move(list Mover, msg tea.KeyMsg) bool {
	switch {
	case key.Matches(msg, k.Up):
		list.Move(-1)
	case key.Matches(msg, k.Down):
		list.Move(1)
	case key.Matches(msg, k.PageUp):
		list.Page(-1)
	case key.Matches(msg, k.PageDown):
		list.Page(1)
	case key.Matches(msg, k.Top):
		list.Top()
	case key.Matches(msg, k.Bottom):
		list.Bottom()
	default:
		return false
	}
	return true
}
