// Package events is the page with the log of events, the newest last.
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

// Limit is the number of events kept. The oldest are dropped, in a fleet those of the hosts that
// have most.
const Limit = 10000

// slack is how many events the log may exceed Limit by before it is cut. So not
// every batch moves the whole log.
const slack = Limit / 4

// Export writes events, in the order in which they are shown, and says where.
type Export func([]flow.Event) (where string, err error)

// Options are how events are exported: to a file, or by a command elsewhere.
type Options struct {
	Export          Export
	ExportElsewhere page.Elsewhere
	// Fleet is set if the events are those of many hosts.
	Fleet bool
}

// Page is the events page. While follow is set, the cursor stays on the newest
// event.
type Page struct {
	page.Base
	frame   *page.Frame
	acts    *acting.Acts
	options Options
	window  scroll.Window
	width   int
	height  int

	log []entry
	// notices are those of the log, which no events push out. With only, nothing else
	// is shown.
	notices []entry
	only    bool
	// shown are the indices of the shown entries.
	shown  []int
	filter filter.Filter
	// by is what they are sorted by, and desc whether the largest come first.
	by     sorting
	desc   bool
	follow bool
	// chosen is the index of the entry that the cursor was moved to. A filter
	// may hide it.
	chosen int
	// frozen is set while new entries are held back.
	frozen bool
	held   []entry
	widest int
	// until is the time up to which events are shown, zero for all.
	until time.Time
}

// entry is a line of the log: an event, or a notice if notice is not empty.
type entry struct {
	flow.Event
	notice string
}

// New returns an empty log that follows new events.
func New(f *page.Frame, a *acting.Acts, o Options) *Page {
	return &Page{frame: f, acts: a, options: o, filter: f.Filter(), follow: true}
}

// SetSize sets the size of the log.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.window.Resize(len(p.shown), p.bodyHeight())
}

// refilter applies the current filter. The cursor stays on its event, or moves
// to the next one that passes.
func (p *Page) refilter() {
	p.filter = p.frame.Filter()
	p.shown = nil
	p.show(0)
	p.window.Resize(len(p.shown), p.bodyHeight())
	if !p.follow {
		p.window.To(p.place(p.chosen))
	}
	p.catchUp()
}

// place returns where an entry is shown, or in the log the next one that is.
func (p *Page) place(chosen int) int {
	if p.logged() {
		i, _ := slices.BinarySearch(p.shown, chosen)
		return i
	}
	return max(slices.Index(p.shown, chosen), 0)
}

// freeze stops or resumes adding entries. New entries are held back meanwhile.
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
	p.keep(entries)
	p.add(entries)
}

// add adds entries, or holds them back while the page is frozen. It drops the
// oldest ones.
func (p *Page) add(entries []entry) {
	if len(entries) == 0 {
		return
	}
	if p.frozen {
		p.held = append(p.held, entries...)
		if len(p.held) > Limit+slack {
			p.held, _ = fair(p.held, Limit)
		}
		return
	}
	from := len(p.log)
	p.log = append(p.log, entries...)
	if !p.only {
		p.show(from)
	}
	if len(p.log) > Limit+slack {
		p.cut()
	}
	p.window.Resize(len(p.shown), p.bodyHeight())
	p.catchUp()
}

// Of returns the events of one flow, oldest first.
func (p *Page) Of(id flow.ID) []flow.Event {
	var events []flow.Event
	for _, e := range p.log {
		if e.ID == id && !p.later(&e.Event) && e.Type != flow.EventLost && e.notice == "" {
			events = append(events, e.Event)
		}
	}
	return events
}

// Opened returns the source of every flow that began after a time, according to
// the kept events.
func (p *Page) Opened(since time.Time) []netip.Addr {
	var sources []netip.Addr
	for i := range p.log {
		if e := &p.log[i]; e.notice == "" && !p.later(&e.Event) && e.Type == flow.EventNew && !e.Time.Add(-e.Age).Before(since) {
			sources = append(sources, e.Tuple.Src.Addr())
		}
	}
	return sources
}

// Counts returns the number of shown and of kept entries.
func (p *Page) Counts() (shown, kept int) { return len(p.shown), len(p.entries()) }

// selected returns the event under the cursor, or nil.
func (p *Page) selected() *flow.Event {
	if p.window.Cursor >= len(p.shown) {
		return nil
	}
	if e := &p.entries()[p.shown[p.window.Cursor]]; e.notice == "" {
		return &e.Event
	}
	return nil
}

// Move moves the cursor. The page follows new events only while the cursor is
// on the newest one.
func (p *Page) Move(lines int) {
	p.window.Move(lines)
	p.settle()
}

// Page moves the cursor by pages.
func (p *Page) Page(pages int) {
	p.window.Page(pages)
	p.settle()
}

// Top moves the cursor to the oldest event.
func (p *Page) Top() {
	p.window.To(0)
	p.settle()
}

// Bottom moves the cursor to the newest event, so that the page follows.
func (p *Page) Bottom() {
	p.window.To(len(p.shown) - 1)
	p.settle()
}

// Click moves the cursor to a line.
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
	p.follow = p.logged() && p.window.Cursor >= len(p.shown)-1
	if p.window.Cursor < len(p.shown) {
		p.chosen = p.shown[p.window.Cursor]
	}
}

func (p *Page) catchUp() {
	if p.follow {
		p.window.To(len(p.shown) - 1)
	}
}

// show appends the entries from index from on that pass the filter.
func (p *Page) show(from int) {
	entries := p.entries()
	for i := from; i < len(entries); i++ {
		e := &entries[i]
		if p.later(&e.Event) {
			continue
		}
		if e.notice != "" {
			p.shown = append(p.shown, i)
		} else if e.Type == flow.EventLost || p.passes(&e.Event) {
			p.shown = append(p.shown, i)
			p.widest = max(p.widest, format.Width(flowText(&e.Event)))
		}
	}
	p.order()
}

func (p *Page) passes(e *flow.Event) bool {
	switch {
	case p.filter.Empty():
		return true
	case p.options.Fleet:
		return p.filter.MatchEvent(e) // as at the hosts
	}
	if e.Type != flow.EventDestroy {
		return p.filter.Match(e.Flow())
	}
	f := e.Flow()
	return p.filter.MatchEnded(f, e.Reason) || p.filter.Match(f)
}

// cut drops the oldest entries. The visible part does not move.
func (p *Page) cut() {
	log, gone := fair(p.log, Limit)
	p.log = log
	if p.only {
		return
	}
	p.chosen -= before(gone, p.chosen)
	if p.logged() {
		above := func(row int) (n int) {
			for _, i := range p.shown[:max(min(row, len(p.shown)), 0)] {
				if _, left := slices.BinarySearch(gone, i); left {
					n++
				}
			}
			return n
		}
		p.window.Cursor, p.window.Offset = p.window.Cursor-above(p.window.Cursor), p.window.Offset-above(p.window.Offset)
	}
	p.shown = nil
	p.show(0)
}

func (p *Page) bodyHeight() int {
	if p.titled() {
		return p.height - 1
	}
	return p.height
}

func (p *Page) titled() bool { return p.height >= 3 }
