package events

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/filterline"
	"ctop/ui/page"
)

// Update adds events and notices to the log.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case page.EventsTaken:
		p.append(msg.Shown)
	case page.NoticesTaken:
		p.note(msg)
	case page.FilterChanged:
		p.refilter()
	case page.NamesChanged:
		if p.frame.Filter().UsesNames() {
			p.refilter()
		}
	case page.PauseChanged, page.PastChanged:
		p.freeze(p.frame.Paused && !p.frame.Past)
		p.showUntil()
	}
	return nil
}

// HandleKey handles the keys of the page and those that act on the selected
// event's flow.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	k, e := p.frame.Keys, p.selected()
	switch {
	case key.Matches(msg, k.Filter):
		filterline.Open(p.frame)
		return nil, true
	case key.Matches(msg, k.Sort):
		return p.sortNext(), true
	case key.Matches(msg, k.Reverse):
		return p.reverse(), true
	case key.Matches(msg, k.Export):
		return p.export(), true
	case key.Matches(msg, actsOnly), p.only && key.Matches(msg, k.Back):
		return p.toggleOnly(), true
	case key.Matches(msg, k.Back):
		return p.frame.ClearFilter(), true
	case !key.Matches(msg, k.Enter, k.Copy, k.Like):
		return nil, false
	case e == nil || e.Type == flow.EventLost:
		p.frame.WarnNoFlow()
		return nil, true
	case key.Matches(msg, k.Enter):
		return p.frame.OpenFlow(e.Flow()), true
	case key.Matches(msg, k.Copy):
		return p.acts.Copy(e.ID, e.Tuple), true
	}
	return p.acts.Like(e.Tuple), true
}
