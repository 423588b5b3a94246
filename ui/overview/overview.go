// Package overview is the page about the whole link: current problems with
// advice, and the traffic.
package overview

import (
	"weak"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Page is the overview page.
type Page struct {
	page.Scrolling
	frame    *page.Frame
	history  History
	counting *work.Task[counted]
	// asked is the snapshot whose flows were counted last.
	asked weak.Pointer[flow.Snapshot]
	counted
	// missed is the number of events that this console could not show.
	missed uint64
}

// counted is the result of counting a snapshot's flows, and the sources of
// those that began within [Recent] before it.
type counted struct {
	count   order.Count
	opening order.Opening
	filling order.Filling
}

// New returns an empty page.
func New(f *page.Frame) *Page {
	p := &Page{frame: f}
	p.counting = work.NewTask(f.Clock, p.start, p.set)
	return p
}

// start returns a function that counts the flows of the current snapshot. It
// returns nil if the page is closed or they are counted already.
func (p *Page) start() func() counted {
	s := p.frame.Shown
	if s == nil || weak.Make(s) == p.asked || p.frame.Tab() != page.Page(p) {
		return nil
	}
	p.asked = weak.Make(s)
	opened := p.frame.Log.Opened(s.Time.Add(-Recent))
	return func() counted { return counted{order.NewCount(s), order.NewOpening(opened), order.NewFilling(s)} }
}

func (p *Page) set(c counted) tea.Cmd {
	p.counted = c
	return nil
}

// Update updates the charts. While the page is open it counts the flows of new
// snapshots.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case page.SnapshotTaken:
		if !msg.Again {
			p.history.Add(p.frame.Latest)
		}
	case page.PauseChanged:
		p.history.freeze(p.frame.Paused)
		p.missed = p.frame.Missed
	case page.PastChanged:
		p.history.until(p.frame.PausedAt)
	case page.EventsTaken:
		if !p.frame.Paused {
			p.missed = p.frame.Missed
		}
	case page.Opened, page.ShownChanged:
		p.counting.Outdate()
		return p.counting.Run()
	}
	return nil
}

// HandleKey handles the key that returns to the flows.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	if key.Matches(msg, p.frame.Keys.Back) {
		return p.frame.OpenTab(0), true
	}
	return nil, false
}

// SetSize sets the size and draws the page. It must be called after every
// change.
func (p *Page) SetSize(width, height int) {
	p.Width, p.Height = width, height
	p.Draw(p.all())
}

// Lines returns the visible part of the page, or a reason why it is empty.
func (p *Page) Lines() []string {
	lines := p.Scrolling.Lines()
	switch {
	case len(lines) > 0:
		return lines
	case p.frame.Shown == nil:
		return p.frame.Empty(p.frame.Emptiness())
	}
	return p.frame.Empty("counting")
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	return []page.Hint{
		{Key: p.frame.Keys.Down, Does: "scroll"}, p.frame.TabHint("Talkers"), p.frame.TabHint("Flows"), p.frame.PauseHint(),
	}
}
