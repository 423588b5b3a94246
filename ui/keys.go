package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"

	"ctop/internal/filter"
	"ctop/ui/help"
)

// KeyMap is every key of the console. The help page and the manual's table of
// keys are made from it.
type KeyMap struct {
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding

	Flows, Events, Talkers, Overview, Timeouts, NextView, PreviousView key.Binding

	Enter, Back, Filter, Complete, Like, Sort, Reverse key.Binding
	Pause, Rates, Names, Columns, Copy, Export         key.Binding

	Group, GroupBack key.Binding

	Mark, Delete, DeleteAll, Longer, Shorter, Pin, Default key.Binding

	Edit, DefaultTimeout, Yes, No key.Binding

	Left, Right, DefaultSort key.Binding

	Help, Quit, Interrupt, Suspend key.Binding

	Stop, Keep, Stay key.Binding
}

// DefaultKeyMap returns the keys that the contract promises.
func DefaultKeyMap() KeyMap {
	k := KeyMap{
		Flows:        bind("1", "flows", "1"),
		Events:       bind("2", "events", "2"),
		Talkers:      bind("3", "talkers", "3"),
		Overview:     bind("4", "overview", "4"),
		Timeouts:     bind("5 t", "timeouts", "5", "t"),
		NextView:     bind("Tab", "next view", "tab"),
		PreviousView: bind("Shift-Tab", "previous view", "shift+tab"),

		Help:      bind("? F1", "this page", "?", "f1"),
		Quit:      bind("q F10", "back, or quit", "q", "f10"),
		Interrupt: bind("Ctrl-C", "quit, whatever is open", "ctrl+c"),
		Suspend:   bind("Ctrl-Z", "suspend; fg goes on", "ctrl+z"),

		Stop: bind("s", "stop forwarding", "s", "S"),
		Keep: bind("k", "keep it running", "k", "K"),
		Stay: bind("Esc q", "stay", "esc", "q", "f10", "enter", "n", "N"),
	}
	k.bindMovement()
	k.bindShowing()
	k.bindActing()
	return k
}

func bind(name, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
}

func (k *KeyMap) bindMovement() {
	k.Up = bind("↑ k", "up", "up", "k")
	k.Down = bind("↓ j", "down", "down", "j")
	k.PageUp = bind("PgUp ^B", "a page up", "pgup", "ctrl+b")
	k.PageDown = bind("PgDn ^F", "a page down", "pgdown", "ctrl+f")
	k.Top = bind("g Home", "to the top, and stay there", "g", "home")
	k.Bottom = bind("G End", "to the bottom", "G", "end")
	k.Left = bind("← h", "the column to the left", "left", "h")
	k.Right = bind("→ l", "the column to the right", "right", "l")
	k.DefaultSort = bind("0", "by rate, as at first", "0")
}

func (k *KeyMap) bindShowing() {
	k.Enter = bind("⏎", "everything about the flow", "enter")
	k.Back = bind("Esc", "back; drop marks, filter", "esc")
	k.Filter = bind("/ F3 F4", "filter; Tab completes", "/", "f3", "f4")
	k.Complete = bind("Tab", "complete the word", "tab")
	k.Like = bind("f", "flows to the same service", "f")
	k.Sort = bind("s F6", "choose the sort column", "s", "f6")
	k.Reverse = bind("S", "reverse the order", "S")
	k.Pause = bind("p", "pause; then: what changed", "p")
	k.Rates = bind("r", "bits, bytes or packets", "r")
	k.Names = bind("n", "names, or numbers", "n")
	k.Columns = bind("c", "choose the columns", "c")
	k.Group = bind("b", "group by something else", "b")
	k.GroupBack = bind("B", "the grouping before", "B")
	k.Copy = bind("y", "copy tuple; again: commands", "y")
	k.Export = bind("e", "export to a file", "e")
}

func (k *KeyMap) bindActing() {
	k.Mark = bind("Space", "mark, and go down", " ")
	k.Delete = bind("d F9", "delete flow/marked (asks)", "d", "f9")
	k.DeleteAll = bind("D", "delete all shown (asks)", "D")
	k.Longer = bind("+", "double the flow's timeout", "+", "=")
	k.Shorter = bind("-", "halve the flow's timeout", "-")
	k.Pin = bind("P", "keep its timeout as it is", "P")
	k.Default = bind("0", "give it the default again", "0")
	k.Edit = bind("⏎", "change the timeout", "enter")
	k.DefaultTimeout = bind("0", "set the default", "0")
	k.Yes = bind("y", "yes", "y", "Y")
	k.No = bind("n Esc ⏎", "no", "n", "N", "esc", "enter", "q", "f10")
}

// HelpSections returns what the help page says, for the manual.
func HelpSections() []help.Section { return DefaultKeyMap().sections(viewFlows) }

// sections returns the keys as the help page shows them: first those that only
// the open view has.
func (k KeyMap) sections(open view) []help.Section {
	sections := k.allSections()
	first := map[view]string{viewTalkers: inTalkers, viewTimeouts: inTimeouts}[open]
	slices.SortStableFunc(sections, func(a, b help.Section) int {
		return rank(b.Title == first) - rank(a.Title == first)
	})
	return sections
}

func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// Titles of sections that belong to one view.
const (
	inTalkers  = "In the talkers"
	inTimeouts = "In the timeouts"
	// whenQuitting is for those whose console the tracker ends with.
	whenQuitting = "Asked where the tracker would end"
)

func (k KeyMap) allSections() []help.Section {
	return []help.Section{
		{Title: "Move", Keys: []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom}},
		{Title: "Show", Keys: []key.Binding{
			k.Enter, k.Back, k.Filter, k.Like, k.Sort, k.Reverse, k.Columns, k.Names, k.Rates, k.Pause, k.Copy, k.Export,
		}},
		{Title: "Act on flows", Keys: []key.Binding{
			k.Mark, k.Delete, k.DeleteAll, k.Longer, k.Shorter, k.Pin, k.Default,
		}},
		{Title: "Views", Keys: []key.Binding{
			k.Flows, k.Events, k.Talkers, k.Overview, k.Timeouts, k.NextView, k.PreviousView,
		}},
		{Title: inTalkers, Keys: []key.Binding{k.Group, k.GroupBack}},
		{Title: inTimeouts, Keys: []key.Binding{k.Edit, k.DefaultTimeout}},
		{Title: "While sorting", Keys: []key.Binding{k.Left, k.Right, k.DefaultSort}},
		{Title: "ctop", Keys: []key.Binding{k.Help, k.Quit, k.Interrupt, k.Suspend}},
		{Title: whenQuitting, Keys: []key.Binding{k.Stop, k.Keep, k.Stay}},
		{Title: "How filters are written", Rows: filter.Forms()},
		{Title: "What filters ask for", Rows: filter.Terms()},
		{Title: "What tcpdump's expressions are here", Rows: filter.Equivalents()},
	}
}
