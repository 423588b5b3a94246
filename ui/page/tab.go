package page

import (
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui/keys"
)

// Tab is a page with a tab. Its number among the tabs opens it.
type Tab struct {
	Title string
	// Key opens it, too, if it is not empty.
	Key  string
	Page Page
}

// step is where a drill-down came from.
type step struct {
	tab    int
	filter filter.Filter
}

// SetTabs gives the frame its tabs, the first of which is open.
func (f *Frame) SetTabs(tabs ...Tab) { f.tabs = tabs }

// Tabs returns the tabs.
func (f *Frame) Tabs() []Tab { return f.tabs }

// Open returns the number of the open tab, from zero.
func (f *Frame) Open() int { return f.open }

// Tab returns the page whose tab is open.
func (f *Frame) Tab() Page { return f.tabs[f.open].Page }

// Over returns the pages over the tab, the topmost last.
func (f *Frame) Over() []Page { return f.over }

// Front returns the page on the screen: the topmost one over the tab, or the tab's
// own.
func (f *Frame) Front() Page {
	if n := len(f.over); n > 0 {
		return f.over[n-1]
	}
	return f.Tab()
}

// Push opens a page over the one on the screen.
func (f *Frame) Push(p Page) { f.over = append(f.over, p) }

// Pop closes the page that was pushed last.
func (f *Frame) Pop() { f.over = f.over[:max(len(f.over)-1, 0)] }

// OpenFlow opens the page of a flow.
func (f *Frame) OpenFlow(of *flow.Flow) tea.Cmd {
	if of == nil {
		f.WarnNoFlow()
		return nil
	}
	f.Push(f.FlowPage(of))
	return f.Broadcast(FlowOpened{})
}

// Watched returns the flow of the page that is about one, zero if there is none.
func (f *Frame) Watched() flow.ID {
	for _, p := range f.over {
		if w, ok := p.(Watcher); ok {
			return w.Watched()
		}
	}
	return 0
}

// TabKey returns the keys that open a tab.
func (f *Frame) TabKey(i int) key.Binding {
	t, number := f.tabs[i], strconv.Itoa(i+1)
	if t.Key == "" {
		return keys.Bind(number, strings.ToLower(t.Title), number)
	}
	return keys.Bind(number+" "+t.Key, strings.ToLower(t.Title), number, t.Key)
}

// TabHint names the key that opens the tab with a title.
func (f *Frame) TabHint(title string) Hint {
	i := slices.IndexFunc(f.tabs, func(t Tab) bool { return t.Title == title })
	if i < 0 {
		return Hint{}
	}
	name := f.tabs[i].Key
	if name == "" {
		name = strconv.Itoa(i + 1)
	}
	return Hint{Key: keys.Bind(name, ""), Does: strings.ToLower(title)}
}

// OpenTab opens a tab and closes what is over the one that was open.
func (f *Frame) OpenTab(i int) tea.Cmd {
	f.show(i)
	f.ForgetTrail()
	return f.Tab().Update(Opened{})
}

// Turn opens the tab some places further to the right.
func (f *Frame) Turn(by int) tea.Cmd {
	return f.OpenTab((f.open + by + len(f.tabs)) % len(f.tabs))
}

// show puts a tab on the screen, with nothing over it.
func (f *Frame) show(i int) { f.open, f.over, f.dialog = i, nil, nil }

// HandleTabKey takes the keys that open tabs.
func (f *Frame) HandleTabKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	for i := range f.tabs {
		if key.Matches(msg, f.TabKey(i)) {
			return f.OpenTab(i), true
		}
	}
	switch {
	case key.Matches(msg, f.Keys.NextView):
		return f.Turn(1), true
	case key.Matches(msg, f.Keys.PreviousView):
		return f.Turn(-1), true
	}
	return nil, false
}

// Narrow shows on the first tab the flows that pass another filter, from which Esc
// leads back.
func (f *Frame) Narrow(text string) tea.Cmd {
	parsed, err := f.Parse(text)
	if err != nil {
		f.Warn(err.Error())
		return nil
	}
	f.trail = append(f.trail, step{f.open, f.filter})
	f.show(0)
	f.Tab().Top()
	return f.SetFilter(parsed)
}

// sickTerm selects the flows with which something is wrong.
const sickTerm = "sick"

// AsksSick reports whether the filter asks for sick flows.
func (f *Frame) AsksSick() bool { return slices.Contains(strings.Fields(f.FilterText()), sickTerm) }

// ToggleSick shows the sick flows among those that the filter passes, or goes back.
func (f *Frame) ToggleSick() tea.Cmd {
	if !f.AsksSick() {
		return f.Narrow(f.Narrower(sickTerm))
	}
	if len(f.trail) > 0 {
		return f.Retrace()
	}
	return f.SetFilter(filter.Filter{})
}

// CameFrom names the tab that Esc leads back to, in lower case. It is empty if there
// is none.
func (f *Frame) CameFrom() string {
	if len(f.trail) == 0 {
		return ""
	}
	return strings.ToLower(f.tabs[f.trail[len(f.trail)-1].tab].Title)
}

// Retrace goes back to where a drill-down came from.
func (f *Frame) Retrace() tea.Cmd {
	last := f.trail[len(f.trail)-1]
	f.trail = f.trail[:len(f.trail)-1]
	f.open = last.tab
	return tea.Batch(f.SetFilter(last.filter), f.Tab().Update(Opened{}))
}

// ForgetTrail makes the present filter the one to stay with.
func (f *Frame) ForgetTrail() { f.trail = nil }
