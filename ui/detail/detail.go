// Package detail is the page with all data of one flow.
package detail

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/page"
	"ctop/ui/trace"
	"ctop/ui/work"
)

// Page is the detail page.
type Page struct {
	page.Base
	frame  *page.Frame
	acts   *acting.Acts
	width  int
	height int

	flow     flow.Flow
	snapshot *flow.Snapshot
	events   []flow.Event
	history  trace.Trace
	top      int
	// absent is set if the flow is not in the snapshot of the past that is shown.
	absent bool
	// closer is what a closer look has found, looking repeats it.
	closer  closer
	looking *work.Task[closer]
	// around is what the hosts of a fleet see of it, asking repeats it. missed is set if
	// it is no longer among the flows that are there.
	around around
	asking *work.Task[around]
	missed bool
}

// New opens the page for a flow of the snapshot on the screen.
func New(f *page.Frame, a *acting.Acts, past *trace.Traces, of *flow.Flow) *Page {
	p := &Page{
		frame: f, acts: a,
		flow: *of, snapshot: f.Shown,
		events:  f.Log.Of(of.ID),
		history: past.Of(of.ID).Add(f.Shown, of),
	}
	p.looking = work.NewTask(f.Clock, p.lookCloser, p.takeCloser)
	p.asking = work.NewTask(f.Clock, p.lookAround, p.takeAround)
	return p
}

// Watched returns the ID of the flow, which the caller looks up in new
// snapshots.
func (p *Page) Watched() flow.ID { return p.flow.ID }

// Flow returns the latest copy of the flow.
func (p *Page) Flow() *flow.Flow { return &p.flow }

// Update takes the flow and its events from new snapshots and batches of
// events.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case page.ShownChanged:
		if msg.Watched != nil {
			p.snapshot, p.flow = p.frame.Shown, *msg.Watched
			p.history = p.history.Add(p.frame.Shown, msg.Watched)
		}
		p.absent, p.missed = p.frame.Past && msg.Watched == nil, msg.Watched == nil
	case page.PastChanged:
		p.closer, p.events = closer{}, p.frame.Log.Of(p.flow.ID)
	case page.PauseChanged:
		p.absent, p.events = false, p.frame.Log.Of(p.flow.ID)
	case page.EventsTaken:
		p.events = p.frame.Log.Of(p.flow.ID)
	case page.FlowOpened, page.Polled:
		if !p.frame.Paused {
			p.looking.Outdate()
			p.asking.Outdate()
		}
		return tea.Batch(p.looking.Run(), p.asking.Run())
	}
	return nil
}

// rates returns the rates up to the time that is shown.
func (p *Page) rates() trace.Trace {
	if p.frame.Past {
		return p.history.Until(p.frame.PausedAt)
	}
	return p.history
}

// HandleKey closes the page, or acts on the flow.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	k := p.frame.Keys
	if key.Matches(msg, k.Back, k.Enter) {
		p.frame.Pop()
		return nil, true
	}
	return p.acts.HandleKey(msg, acting.Flow{Flow: &p.flow, Ended: p.end() != nil})
}

// Attempt returns the act that a key would perform on the flow.
func (p *Page) Attempt(msg tea.KeyMsg) (page.Attempt, bool) { return p.acts.Attempt(msg, &p.flow) }

// Facts returns the number of lines below the visible part.
func (p *Page) Facts() []string { return page.LinesBelow(len(p.all()) - p.top - p.height) }

// Hints returns the keys of the page. Nothing can be done to a flow that has ended.
func (p *Page) Hints() []page.Hint {
	k := p.frame.Keys
	rest := []page.Hint{
		{Key: k.Copy, Does: "copy"},
		{Key: k.Like, Does: "filter like this"},
		{Key: k.Rates, Does: "rates"},
		p.frame.PauseHint(),
	}
	if p.end() != nil {
		return rest
	}
	return append([]page.Hint{
		{Key: k.Delete, Does: "delete", Acts: true},
		{Key: k.Reset, Does: "reset", Acts: true},
		{Key: k.Longer, Does: "longer", Acts: true},
		{Key: k.Shorter, Does: "shorter", Acts: true},
		{Key: k.Default, Does: "default", Acts: true},
		{Key: k.Pin, Does: "pin", Acts: true},
		p.acts.CaptureHint(),
	}, rest...)
}

// SetSize sets the size of the page.
func (p *Page) SetSize(width, height int) { p.width, p.height = width, height }

// Move scrolls by a number of lines.
func (p *Page) Move(lines int) {
	p.top = max(min(p.top+lines, len(p.all())-p.height), 0)
}

// Page scrolls by pages.
func (p *Page) Page(pages int) { p.Move(pages * max(p.height-1, 1)) }

// Top scrolls to the beginning.
func (p *Page) Top() { p.top = 0 }

// Bottom scrolls to the end.
func (p *Page) Bottom() { p.Move(len(p.all())) }

// end returns the event that ended the flow, nil while it lives.
func (p *Page) end() *flow.Event {
	if n := len(p.events); n > 0 && p.events[n-1].Type == flow.EventDestroy {
		return &p.events[n-1]
	}
	return nil
}
