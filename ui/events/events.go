// Package events is the page of the log of what happened to flows, the newest last.
package events

import (
	"net/netip"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/page"
	"ctop/ui/scroll"
)

// Limit is how many events are kept. The oldest go first.
const Limit = 10000

// slack is how far over the limit the log may grow before it is cut back, so
// that not every batch moves all of it.
const slack = Limit / 4

// Page is the log. While it follows, the cursor stays on the newest event.
type Page struct {
	page.Base
	frame  *page.Frame
	acts   *acting.Acts
	window scroll.Window
	width  int
	height int

	log    []entry
	shown  []int
	filter filter.Filter
	follow bool
	// chosen is the entry that the cursor was moved to, which a filter may hide
	// for a while.
	chosen int
	// frozen holds what comes back.
	frozen bool
	held   []entry
	widest int
}

// entry is a line of the log: an event, or a notice where there is one.
type entry struct {
	flow.Event
	notice string
}

// New returns an empty log that follows.
func New(f *page.Frame, a *acting.Acts) *Page {
	return &Page{frame: f, acts: a, filter: f.Filter(), follow: true}
}

// SetSize gives the log its room.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.window.Resize(len(p.shown), p.bodyHeight())
	p.catchUp()
}

// refilter shows only events of flows that pass the filter. The cursor stays on its
// event, or goes to the one after it while that does not pass.
func (p *Page) refilter() {
	p.filter = p.frame.Filter()
	p.shown = nil
	p.show(0)
	p.window.Resize(len(p.shown), p.bodyHeight())
	if i, _ := slices.BinarySearch(p.shown, p.chosen); !p.follow {
		p.window.To(i)
	}
	p.catchUp()
}

// freeze keeps the log as it is. New entries are held back until it goes on.
func (p *Page) freeze(frozen bool) {
	p.frozen = frozen
	if frozen {
		return
	}
	held := p.held
	p.held = nil
	p.add(held)
}

// append adds events, oldest first.
func (p *Page) append(events []flow.Event) {
	entries := make([]entry, len(events))
	for i := range events {
		entries[i].Event = events[i]
	}
	p.add(entries)
}

// note adds notices, oldest first.
func (p *Page) note(notices []page.Notice) {
	entries := make([]entry, len(notices))
	for i, n := range notices {
		entries[i] = entry{Event: flow.Event{Time: n.Time}, notice: format.Clean(n.Text)}
	}
	p.add(entries)
}

// add shows entries, or holds them back, and drops the oldest.
func (p *Page) add(entries []entry) {
	if len(entries) == 0 {
		return
	}
	if p.frozen {
		p.held = append(p.held, entries...)
		if len(p.held) > Limit+slack {
			p.held = append([]entry(nil), p.held[len(p.held)-Limit:]...)
		}
		return
	}
	from := len(p.log)
	p.log = append(p.log, entries...)
	p.show(from)
	if len(p.log) > Limit+slack {
		p.cut(len(p.log) - Limit)
	}
	p.window.Resize(len(p.shown), p.bodyHeight())
	p.catchUp()
}

// Of returns the events of one flow, oldest first.
func (p *Page) Of(id flow.ID) []flow.Event {
	var events []flow.Event
	for _, e := range p.log {
		if e.ID == id && e.Type != flow.EventLost && e.notice == "" {
			events = append(events, e.Event)
		}
	}
	return events
}

// Opened returns the source of every flow that began since a moment, as far back as
// events are kept.
func (p *Page) Opened(since time.Time) []netip.Addr {
	var sources []netip.Addr
	for i := range p.log {
		if e := &p.log[i]; e.notice == "" && e.Type == flow.EventNew && !e.Time.Add(-e.Age).Before(since) {
			sources = append(sources, e.Tuple.Src.Addr())
		}
	}
	return sources
}

// Counts returns how many events are shown and how many are kept.
func (p *Page) Counts() (shown, kept int) { return len(p.shown), len(p.log) }

// selected returns the event under the cursor, nil if there is none.
func (p *Page) selected() *flow.Event {
	if p.window.Cursor >= len(p.shown) {
		return nil
	}
	if e := &p.log[p.shown[p.window.Cursor]]; e.notice == "" {
		return &e.Event
	}
	return nil
}

// Move moves the cursor. Moving away from the newest event stops following,
// coming back to it goes on.
func (p *Page) Move(lines int) {
	p.window.Move(lines)
	p.settle()
}

// Page moves the cursor by pages.
func (p *Page) Page(pages int) {
	p.window.Page(pages)
	p.settle()
}

// Top goes to the oldest event.
func (p *Page) Top() {
	p.window.To(0)
	p.settle()
}

// Bottom goes to the newest event and follows.
func (p *Page) Bottom() {
	p.window.To(len(p.shown) - 1)
	p.settle()
}

// Click puts the cursor on a line.
func (p *Page) Click(_, y int) tea.Cmd {
	if p.titled() {
		y--
	}
	if i, ok := p.window.Line(y); ok {
		p.window.To(i)
		p.settle()
	}
	return nil
}

func (p *Page) settle() {
	p.follow = p.window.Cursor >= len(p.shown)-1
	if p.window.Cursor < len(p.shown) {
		p.chosen = p.shown[p.window.Cursor]
	}
}

func (p *Page) catchUp() {
	if p.follow {
		p.window.To(len(p.shown) - 1)
	}
}

// show filters the log from a position on.
func (p *Page) show(from int) {
	for i := from; i < len(p.log); i++ {
		e := &p.log[i]
		if e.notice != "" {
			p.shown = append(p.shown, i)
		} else if e.Type == flow.EventLost || p.passes(&e.Event) {
			p.shown = append(p.shown, i)
			p.widest = max(p.widest, format.Width(flowText(&e.Event)))
		}
	}
}

func (p *Page) passes(e *flow.Event) bool {
	if p.filter.Empty() {
		return true
	}
	if e.Type != flow.EventDestroy {
		return p.filter.Match(e.Flow())
	}
	f := e.Flow()
	return p.filter.MatchEnded(f, e.Reason) || p.filter.Match(f)
}

// cut drops the n oldest events. What is visible stays where it is.
func (p *Page) cut(n int) {
	p.log = append([]entry(nil), p.log[n:]...)
	p.chosen = max(p.chosen-n, 0)
	before := len(p.shown)
	p.shown = nil
	p.show(0)
	gone := before - len(p.shown)
	p.window.Cursor -= gone
	p.window.Offset -= gone
}

func (p *Page) bodyHeight() int {
	if p.titled() {
		return p.height - 1
	}
	return p.height
}

func (p *Page) titled() bool { return p.height >= 3 }
