package page

import (
	"net/netip"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/work"
)

// FilterLabel begins the fact that names the filter.
const FilterLabel = "filter: "

// Filter returns the filter, with the names that are shown.
func (f *Frame) Filter() filter.Filter {
	wanted := f.filter.Since(f.Mark())
	if !wanted.UsesNames() {
		return wanted
	}
	return wanted.Named(f.Names.Known())
}

// FilterText returns the filter as it was typed.
func (f *Frame) FilterText() string { return f.filter.String() }

// Narrower returns the text of the filter with one more term.
func (f *Frame) Narrower(term string) string { return f.filter.And(term) }

// StartFilter sets the filter that a console begins with.
func (f *Frame) StartFilter(to filter.Filter) { f.filter = to }

// SetFilter changes the filter.
func (f *Frame) SetFilter(to filter.Filter) tea.Cmd {
	if to.String() == f.filter.String() {
		return nil
	}
	f.filter = to
	return f.Broadcast(FilterChanged{})
}

// mostFilters is how many filters are remembered.
const mostFilters = 50

// RememberFilter puts the filter first among those that can be recalled.
func (f *Frame) RememberFilter() {
	text := f.FilterText()
	if text == "" {
		return
	}
	others := slices.DeleteFunc(slices.Clone(f.Filters), func(s string) bool { return s == text })
	f.Filters = append([]string{text}, others[:min(len(others), mostFilters-1)]...)
}

// ClearFilter removes the filter, or goes to the first tab if there is none.
func (f *Frame) ClearFilter() tea.Cmd {
	if f.filter.Empty() {
		return f.OpenTab(0)
	}
	return f.SetFilter(filter.Filter{})
}

// Parse reads a filter. It accepts names of hosts while they are shown.
func (f *Frame) Parse(text string) (filter.Filter, error) {
	if f.Names.On() && f.Names.Resolves() {
		return filter.ParseNamed(text)
	}
	return filter.Parse(text)
}

// FilterFacts names the filter, if there is one.
func (f *Frame) FilterFacts() []string {
	if f.filter.Empty() {
		return nil
	}
	return []string{FilterLabel + format.Clean(f.filter.String())}
}

// EndedFlows returns the ended flows that are still shown.
func (f *Frame) EndedFlows() map[flow.ID]order.Ended {
	switch {
	case f.Past && !f.filter.WantsEnded():
		return nil
	case f.Past:
		return f.Ended.Before(f.PausedAt)
	case !f.filter.WantsEnded():
		return f.Ended.Recent()
	case f.Paused:
		return f.Ended.All(f.PausedAt)
	}
	return f.Ended.All(time.Time{})
}

// EndedReasons returns the ended flows that are still shown, with the reason of each
// end.
func (f *Frame) EndedReasons() map[flow.ID]flow.Reason {
	flows := f.EndedFlows()
	reasons := make(map[flow.ID]flow.Reason, len(flows))
	for id, e := range flows {
		reasons[id] = e.Reason
	}
	return reasons
}

// ToggleNames shows names in place of numbers, or numbers again.
func (f *Frame) ToggleNames() tea.Cmd {
	f.Names.Set(!f.Names.On())
	switch {
	case !f.Names.On():
		f.Tell("addresses and ports as numbers")
	case f.Names.Resolves():
		f.Tell("names of addresses and ports, looked up in the background")
	case names.HasOwn():
		f.Tell("your own names and those of ports; addresses are not looked up here")
	default:
		f.Tell("names of ports; addresses are not looked up here")
	}
	return f.Broadcast(NamesChanged{Switched: true})
}

// AskNames looks up the names of the addresses on the screen. If the filter contains
// names, it looks up those of all flows.
func (f *Frame) AskNames() tea.Cmd {
	if !f.Names.On() || !f.Names.Resolves() {
		return nil
	}
	var cmds []tea.Cmd
	for _, a := range f.Names.Wanted(f.addresses()) {
		cmds = append(cmds, work.Do(func() string { return f.Names.Ask(a) }, func(name string) tea.Cmd {
			f.Names.Add(a, name)
			return f.Broadcast(NamesChanged{})
		}))
	}
	if cmds == nil {
		return nil
	}
	return tea.Batch(cmds...)
}

// mostNamed is the maximum number of flows whose addresses are looked up for a filter
// with names. Their names fit into the book.
const mostNamed = names.Limit / 2

func (f *Frame) addresses() []netip.Addr {
	if !f.filter.WantsNames() || f.Target == nil {
		return f.Tab().Addresses()
	}
	var all []netip.Addr
	for i := range f.Target.Flows[:min(mostNamed, len(f.Target.Flows))] {
		t := &f.Target.Flows[i].Tuple
		all = append(all, t.Src.Addr(), t.Dst.Addr())
	}
	return all
}
