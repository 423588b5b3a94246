package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"

	"ctop/internal/filter"
	"ctop/ui/help"
	"ctop/ui/keys"
	"ctop/ui/page"
)

// HelpSections returns what the help page says, for the manual.
func HelpSections() []help.Section {
	m := &root{frame: &page.Frame{Keys: keys.Default()}}
	m.addPages()
	return sections(m.frame)
}

// whenQuitting has the keys of those whose console the tracker ends with.
const whenQuitting = "Asked where the tracker would end"

// sections returns the keys as the help page shows them: first those that only the
// open page has.
func sections(f *page.Frame) []help.Section {
	k := f.Keys
	list := []help.Section{
		{Title: "Move", Keys: []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom}},
		{Title: "Show", Keys: []key.Binding{
			k.Enter, k.Back, k.Filter, k.Sick, k.Like, k.Sort, k.Reverse, k.Columns, k.Views, k.SaveView, k.Names, k.Rates, k.Pause, k.SetMark, k.Compare, k.Copy, k.Export,
		}},
		{Title: "Go through the last ten minutes", Keys: enabled(k.Earlier, k.Later, k.MuchEarlier, k.MuchLater, k.Present, k.Slower, k.Faster)},
		{Title: "Act on flows", Acts: true, Keys: []key.Binding{
			k.Mark, k.Delete, k.DeleteAll, k.Reset, k.Longer, k.Shorter, k.Pin, k.Default, k.Capture, k.CaptureAll,
		}},
		{Title: "Views", Keys: viewKeys(f)},
	}
	for i, t := range f.Tabs() {
		own := help.Section{Title: "In the " + strings.ToLower(t.Title), Keys: t.Page.Keys()}
		if i == f.Open() {
			list = slices.Insert(list, 0, own)
		} else {
			list = append(list, own)
		}
	}
	list = append(list, []help.Section{
		{Title: "While sorting", Keys: []key.Binding{k.Left, k.Right, k.DefaultSort}},
		{Title: "ctop", Keys: []key.Binding{k.Help, k.Quit, k.Interrupt, k.Redraw, k.Suspend}},
		{Title: whenQuitting, Keys: []key.Binding{k.Stop, k.Keep, k.Stay}},
		{Title: "How filters are written", Rows: filter.Forms()},
		{Title: "What filters ask for", Rows: filter.Terms()},
		{Title: "What tcpdump's expressions are here", Rows: filter.Equivalents()},
	}...)
	return slices.DeleteFunc(list, func(s help.Section) bool { return len(s.Keys)+len(s.Rows) == 0 })
}

// enabled returns the keys that mean something here.
func enabled(all ...key.Binding) []key.Binding {
	return slices.DeleteFunc(all, func(b key.Binding) bool { return !b.Enabled() })
}

func viewKeys(f *page.Frame) []key.Binding {
	var list []key.Binding
	for i := range f.Tabs() {
		list = append(list, f.TabKey(i))
	}
	return append(list, f.Keys.NextView, f.Keys.PreviousView)
}
