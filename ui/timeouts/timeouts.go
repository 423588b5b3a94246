// Package timeouts is the page that shows and edits the timeout of each state.
package timeouts

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/page"
	"ctop/ui/scroll"
	"ctop/ui/work"
)

// Page is the page.
type Page struct {
	page.Base
	frame    *page.Frame
	acts     *acting.Acts
	window   scroll.Window
	width    int
	height   int
	counting *work.Task[counted]

	values flow.Timeouts
	counts [len(flow.Timeouts{})]int
	loaded bool

	editing *edit
}

// counted has the number of flows for each timeout of a snapshot.
type counted struct {
	values flow.Timeouts
	counts [len(flow.Timeouts{})]int
}

// New returns an empty page.
func New(f *page.Frame, a *acting.Acts) *Page {
	p := &Page{frame: f, acts: a}
	p.counting = work.NewTask(f.Clock, p.count, p.set)
	return p
}

// count returns a function that counts the flows, nil while the page is not open.
func (p *Page) count() func() counted {
	s := p.frame.Shown
	if s == nil || p.frame.Tab() != page.Page(p) {
		return nil
	}
	values := p.settings().Timeouts
	return func() counted { return counted{values, order.CountTimeouts(s)} }
}

// settings returns the snapshot whose timeouts are shown: the newest one, since they are
// settings, or that of the past.
func (p *Page) settings() *flow.Snapshot {
	if p.frame.Past && p.frame.Shown != nil {
		return p.frame.Shown
	}
	return p.frame.Latest
}

func (p *Page) set(c counted) tea.Cmd {
	p.values, p.counts, p.loaded = c.values, c.counts, true
	return nil
}

// Update reads the timeouts and counts their flows. A paused page also shows the
// present timeouts, since they are settings.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg.(type) {
	case page.SnapshotTaken:
		p.values = p.settings().Timeouts
	case page.Opened:
		return p.counting.Renew()
	case page.ShownChanged:
		p.counting.Outdate()
		return p.counting.Run()
	}
	return nil
}

// SetSize gives the page its room.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.window.Resize(len(p.values), p.bodyHeight())
}

// Move moves the cursor.
func (p *Page) Move(lines int) { p.window.Move(lines) }

// Page moves the cursor by pages.
func (p *Page) Page(pages int) { p.window.Page(pages) }

// Top moves the cursor to the first timeout.
func (p *Page) Top() { p.window.To(0) }

// Bottom moves the cursor to the last timeout.
func (p *Page) Bottom() { p.window.To(len(p.values) - 1) }

// Click moves the cursor to a line.
func (p *Page) Click(_, y int) tea.Cmd {
	if p.titled() {
		y--
	}
	if i, ok := p.window.Line(y); ok {
		p.window.To(i)
	}
	return nil
}

// selected returns the timeout under the cursor and its value.
func (p *Page) selected() (flow.TimeoutName, time.Duration) {
	return flow.TimeoutName(p.window.Cursor), p.values[p.window.Cursor]
}

// bodyHeight returns the height without the titles' line and the note's two lines.
func (p *Page) bodyHeight() int {
	if p.titled() {
		return p.height - 3
	}
	return p.height
}

func (p *Page) titled() bool { return p.height >= 6 }
