package events

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/keys"
)

// mostNotices is the number of notices kept.
const mostNotices = 2000

// actsOnly is the key that only this page has.
var actsOnly = keys.Bind("a", "acts, sessions; again: all", "a")

// Keys returns the key that no other page has.
func (p *Page) Keys() []key.Binding { return []key.Binding{actsOnly} }

// entries returns what the page can show: the log, or the notices alone.
func (p *Page) entries() []entry {
	if p.only {
		return p.notices
	}
	return p.log
}

// keep adds notices to those that no events push out.
func (p *Page) keep(notices []entry) {
	p.notices = append(p.notices, notices...)
	if over := len(p.notices) - mostNotices; over > 0 {
		p.notices = slices.Delete(p.notices, 0, over)
	}
	if p.only {
		p.refilter()
	}
}

// toggleOnly shows the notices alone, or everything again, from the newest one.
func (p *Page) toggleOnly() tea.Cmd {
	p.only = !p.only
	return p.resort()
}
