package talkers

import (
	"slices"
	"weak"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/ui/acting"
	"ctop/ui/filterline"
	"ctop/ui/keys"
	"ctop/ui/page"
)

// Keys that only this page has.
var (
	group     = keys.Bind("b", "group by something else", "b")
	groupBack = keys.Bind("B", "the grouping before", "B")
	wider     = keys.Bind("+", "wider networks", "+", "=")
	narrower  = keys.Bind("-", "narrower networks", "-")
	exact     = keys.Bind("a", "ask hosts for exact values", "a")
	// widths names both in the footer.
	widths = keys.Bind("+-", "")
)

// Keys returns the keys that no other page has.
func (p *Page) Keys() []key.Binding {
	keys := []key.Binding{group, groupBack, wider, narrower}
	if p.options.Fleet != nil {
		keys = append(keys, exact)
	}
	return keys
}

// Update counts the flows again when the shown flows change.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg.(type) {
	case page.Opened, page.FilterChanged:
		return p.counting.Renew()
	case page.UnitChanged:
		p.by.Packets = p.frame.Unit.IsPackets()
		return p.counting.Renew()
	case page.ShownChanged:
		if weak.Make(p.frame.Shown) != p.counted {
			p.counting.Outdate()
		}
		return p.counting.Run()
	case page.Polled:
		if p.options.Fleet != nil && !p.frame.Paused {
			p.counting.Outdate()
			return p.counting.Run()
		}
	case page.NamesChanged:
		if p.frame.Filter().UsesNames() {
			p.counting.Outdate()
			return p.counting.Run()
		}
	}
	return nil
}

// HandleKey takes the keys of the page.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	k := p.frame.Keys
	switch {
	case key.Matches(msg, group):
		return p.groupNext(1), true
	case key.Matches(msg, groupBack):
		return p.groupNext(-1), true
	case key.Matches(msg, k.Sort):
		return p.sortBy((p.by.Sort + 1) % order.NumGroupSorts), true
	case key.Matches(msg, k.Reverse):
		p.by.Desc = !p.by.Desc
		return p.counting.Renew(), true
	case key.Matches(msg, wider):
		return p.widen(1), true
	case key.Matches(msg, narrower):
		return p.widen(-1), true
	case p.options.Fleet != nil && key.Matches(msg, exact):
		return p.askExact(), true
	case key.Matches(msg, k.Copy):
		return p.copy(), true
	case key.Matches(msg, k.Export):
		return p.export(), true
	case key.Matches(msg, k.Enter):
		return p.drill(), true
	case key.Matches(msg, k.Filter):
		filterline.Open(p.frame)
	case key.Matches(msg, k.Back):
		return p.frame.ClearFilter(), true
	default:
		return nil, false
	}
	return nil, true
}

// widen changes the width of the networks by which addresses are grouped.
func (p *Page) widen(steps int) tea.Cmd {
	if !p.grouping.HasNets() {
		p.frame.Tell("only networks have a width: b groups by them")
		return nil
	}
	p.nets, p.asked = p.nets.Wider(steps), nil
	return p.counting.Renew()
}

// askExact asks hosts for what they have of the groups on the screen, or no longer.
func (p *Page) askExact() tea.Cmd {
	var open []order.GroupKey
	first, end := p.window.Visible()
	for _, g := range p.groups.Top[first:end] {
		if _, ok := p.groups.Over[g.Key]; ok || slices.Contains(p.asked, g.Key) {
			open = append(open, g.Key)
		}
	}
	switch {
	case len(open) == 0:
		p.frame.Tell("all values on the screen are exact")
		return nil
	case slices.Equal(open, p.asked):
		p.asked = nil
	default:
		p.asked = open
		p.frame.Tell("asking for exact values of " + format.Plural(len(open), "group"))
	}
	return p.counting.Renew()
}

// copy puts the selected group on the clipboard, as its name, as a filter, or as the
// command that shows its flows.
func (p *Page) copy() tea.Cmd {
	g, ok := p.Selected()
	if !ok {
		p.frame.WarnNoFlow()
		return nil
	}
	term := p.groups.Grouping.Term(g.Key, p.groups.Snapshot)
	return p.acts.CopyForms(g.Key, []acting.Form{
		{Name: "the name", Text: p.name(&g)},
		{Name: "a filter", Text: term},
		{Name: "a ctop command", Text: "ctop --dump --filter " + format.ShellQuote(p.frame.Narrower(term))},
	})
}

// export writes the groups that are shown to a file.
func (p *Page) export() tea.Cmd {
	if p.options.Export == nil {
		return p.frame.Export("", nil, p.options.ExportElsewhere)
	}
	groups := p.groups
	return p.frame.Export(format.Plural(len(groups.Top), "group"), func() (string, error) { return p.options.Export(groups) }, nil)
}

func (p *Page) groupNext(step int) tea.Cmd {
	p.grouping, p.asked = p.grouping.Next(step), nil
	return p.counting.Renew()
}

// sortBy sorts by a column in its default direction. If the groups are already sorted
// by that column, it reverses the direction.
func (p *Page) sortBy(by order.GroupSort) tea.Cmd {
	if by == p.by.Sort {
		p.by.Desc = !p.by.Desc
	} else {
		p.by.Sort, p.by.Desc = by, by != order.GroupName
	}
	return p.counting.Renew()
}

// drill shows the flows of the selected group.
func (p *Page) drill() tea.Cmd {
	g, ok := p.Selected()
	if !ok {
		p.frame.WarnNoFlow()
		return nil
	}
	return p.frame.Narrow(p.frame.Narrower(p.groups.Grouping.Term(g.Key, p.groups.Snapshot)))
}

// Facts returns the filter, the grouping and the number of groups.
func (p *Page) Facts() []string {
	by := "by " + p.grouping.String()
	if p.grouping.HasNets() {
		by += " " + p.nets.String()
	}
	facts := append(p.frame.FilterFacts(), by)
	if p.frame.Unit != 0 {
		facts = append(facts, "rates in "+p.frame.Unit.String())
	}
	if here := p.frame.HostsHere; p.options.Fleet != nil && p.loaded && p.hosts < here {
		facts = append(facts, format.Count(p.hosts)+" of "+format.Plural(here, "host"))
	}
	switch shown := len(p.groups.Top); {
	case !p.loaded:
		return facts
	case p.groups.Unnamed != order.Bounds{}:
		return append(facts, format.Count(shown)+" groups; others ≤ "+p.amount(p.groups.Unnamed.Of(p.groups.By)))
	case shown < p.groups.All:
		return append(facts, "first "+format.Count(shown)+" of "+format.Count(p.groups.All))
	}
	return append(facts, format.Plural(p.groups.All, "group"))
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	k := p.frame.Keys
	hints := []page.Hint{
		{Key: group, Does: "group by"},
		{Key: k.Sort, Does: "sort"},
		{Key: k.Enter, Does: "its flows"},
		{Key: k.Filter, Does: "filter"},
	}
	if p.options.Fleet != nil {
		hints = slices.Insert(hints, 1, page.Hint{Key: exact, Does: "exact"})
	}
	if p.grouping.HasNets() {
		hints = append(hints, page.Hint{Key: widths, Does: "width"})
	}
	return append(hints,
		page.Hint{Key: k.Copy, Does: "copy"},
		page.Hint{Key: k.Export, Does: "export"},
		page.Hint{Key: k.Reverse, Does: "reverse"},
		page.Hint{Key: k.Rates, Does: "rates"},
		p.frame.PauseHint(),
	)
}

// Save saves the grouping.
func (p *Page) Save(s *page.Settings) { s.Group = p.grouping.String() }

// Restore restores the grouping. It ignores one that no longer exists.
func (p *Page) Restore(s page.Settings) {
	p.by.Packets = p.frame.Unit.IsPackets()
	if g, ok := order.ParseGrouping(s.Group); ok {
		p.grouping = g
	}
}
