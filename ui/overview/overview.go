// Package overview is the page about the whole link: what is wrong and what to do
// about it, and how much passes.
package overview

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Page is the page.
type Page struct {
	page.Base
	frame  *page.Frame
	width  int
	height int
	top    int
	// lines are the whole page as it was drawn for the last size.
	lines []string

	history  History
	counting *work.Task[counted]
	// asked is the snapshot whose flows were counted last.
	asked *flow.Snapshot
	counted
	// missed is how many events the console itself could not show.
	missed uint64
}

// counted is what the flows of a snapshot amount to, and who opened those that began
// in the [Recent] time before it.
type counted struct {
	count   order.Count
	opening order.Opening
}

// New returns an empty page.
func New(f *page.Frame) *Page {
	p := &Page{frame: f}
	p.counting = work.NewTask(f.Clock, p.start, p.set)
	return p
}

// start returns what counts the flows, nil if the page is not open or has counted
// them already.
func (p *Page) start() func() counted {
	s := p.frame.Shown
	if s == nil || s == p.asked || p.frame.Tab() != page.Page(p) {
		return nil
	}
	p.asked = s
	opened := p.frame.Log.Opened(s.Time.Add(-Recent))
	return func() counted { return counted{order.NewCount(s), order.NewOpening(opened)} }
}

func (p *Page) set(c counted) tea.Cmd {
	p.counted = c
	return nil
}

// Update keeps the charts, and counts the flows of a new snapshot while the page is
// open.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case page.SnapshotTaken:
		if !msg.Again {
			p.history.Add(p.frame.Latest)
		}
	case page.PauseChanged:
		p.history.freeze(p.frame.Paused)
		p.missed = p.frame.Missed
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

// HandleKey goes back to the flows.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	if key.Matches(msg, p.frame.Keys.Back) {
		return p.frame.OpenTab(0), true
	}
	return nil, false
}

// SetSize gives the page its room and draws it. It comes after everything that
// changes the page.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.lines = p.all()
	p.scroll(0)
}

// Move scrolls by a number of lines.
func (p *Page) Move(lines int) { p.scroll(lines) }

// Page scrolls by pages.
func (p *Page) Page(pages int) { p.scroll(pages * max(p.height-1, 1)) }

// Top scrolls to the beginning.
func (p *Page) Top() { p.top = 0 }

// Bottom scrolls to the end.
func (p *Page) Bottom() { p.scroll(len(p.lines)) }

func (p *Page) scroll(lines int) {
	p.top = max(min(p.top+lines, len(p.lines)-p.height), 0)
}

// Lines draws the visible part, or says why there is nothing to see.
func (p *Page) Lines() []string {
	lines := p.lines[min(p.top, len(p.lines)):]
	switch {
	case len(lines) > 0:
		return lines
	case p.frame.Shown == nil:
		return p.frame.Empty(p.frame.Emptiness())
	}
	return p.frame.Empty("counting")
}

// Facts returns how many lines are out of sight further down.
func (p *Page) Facts() []string {
	if n := len(p.lines) - p.top - p.height; n > 0 {
		return []string{"↓ " + format.Plural(n, "more line")}
	}
	return nil
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	return []page.Hint{
		{Key: p.frame.Keys.Down, Does: "scroll"}, p.frame.TabHint("Talkers"), p.frame.TabHint("Flows"), p.frame.PauseHint(),
	}
}
