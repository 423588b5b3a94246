// Package events shows the log of what happened to flows, the newest last.
package events

import (
	"net/netip"
	"slices"
	"time"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/scroll"
	"ctop/ui/theme"
)

// Limit is how many events are kept. The oldest go first.
const Limit = 10000

// slack is how far over the limit the log may grow before it is cut back, so
// that not every batch moves all of it.
const slack = Limit / 4

// Model is the log. While it follows, the cursor stays on the newest event.
type Model struct {
	theme  theme.Theme
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

// Notice is something that happened to no flow: what another operator did.
type Notice struct {
	Time time.Time
	Text string
}

// entry is a line of the log: an event, or a notice where there is one.
type entry struct {
	flow.Event
	notice string
}

// New returns an empty log that follows.
func New(t theme.Theme) Model {
	return Model{theme: t, follow: true}
}

// SetSize gives the log its room.
func (m *Model) SetSize(width, height int) {
	m.width, m.height = width, height
	m.window.Resize(len(m.shown), m.bodyHeight())
	m.catchUp()
}

// SetFilter shows only events of flows that pass. The cursor stays on its event,
// or goes to the one after it while that does not pass.
func (m *Model) SetFilter(f filter.Filter) {
	m.filter = f
	m.shown = nil
	m.show(0)
	m.window.Resize(len(m.shown), m.bodyHeight())
	if i, _ := slices.BinarySearch(m.shown, m.chosen); !m.follow {
		m.window.To(i)
	}
	m.catchUp()
}

// Freeze keeps the log as it is; what comes is held back until it goes on.
func (m *Model) Freeze(frozen bool) {
	m.frozen = frozen
	if frozen {
		return
	}
	held := m.held
	m.held = nil
	m.add(held)
}

// Append takes events, oldest first.
func (m *Model) Append(events []flow.Event) {
	entries := make([]entry, len(events))
	for i := range events {
		entries[i].Event = events[i]
	}
	m.add(entries)
}

// Tell takes notices, oldest first.
func (m *Model) Tell(notices []Notice) {
	entries := make([]entry, len(notices))
	for i, n := range notices {
		entries[i] = entry{Event: flow.Event{Time: n.Time}, notice: format.Clean(n.Text)}
	}
	m.add(entries)
}

// add shows entries, or holds them back, and drops the oldest.
func (m *Model) add(entries []entry) {
	if len(entries) == 0 {
		return
	}
	if m.frozen {
		m.held = append(m.held, entries...)
		if len(m.held) > Limit+slack {
			m.held = append([]entry(nil), m.held[len(m.held)-Limit:]...)
		}
		return
	}
	from := len(m.log)
	m.log = append(m.log, entries...)
	m.show(from)
	if len(m.log) > Limit+slack {
		m.cut(len(m.log) - Limit)
	}
	m.window.Resize(len(m.shown), m.bodyHeight())
	m.catchUp()
}

// Of returns the events of one flow, oldest first.
func (m *Model) Of(id flow.ID) []flow.Event {
	var events []flow.Event
	for _, e := range m.log {
		if e.ID == id && e.Type != flow.EventLost && e.notice == "" {
			events = append(events, e.Event)
		}
	}
	return events
}

// Opened returns the source of every flow that began since a moment, as far back
// as events are kept.
func (m *Model) Opened(since time.Time) []netip.Addr {
	var sources []netip.Addr
	for i := range m.log {
		if e := &m.log[i]; e.notice == "" && e.Type == flow.EventNew && !e.Time.Add(-e.Age).Before(since) {
			sources = append(sources, e.Tuple.Src.Addr())
		}
	}
	return sources
}

// Counts returns how many events are shown and how many are kept.
func (m *Model) Counts() (shown, kept int) { return len(m.shown), len(m.log) }

// Following reports whether the cursor stays on the newest event.
func (m *Model) Following() bool { return m.follow }

// Selected returns the event under the cursor, nil where there is none.
func (m *Model) Selected() *flow.Event {
	if m.window.Cursor >= len(m.shown) {
		return nil
	}
	if e := &m.log[m.shown[m.window.Cursor]]; e.notice == "" {
		return &e.Event
	}
	return nil
}

// Move moves the cursor. Moving away from the newest event stops following,
// coming back to it goes on.
func (m *Model) Move(lines int) {
	m.window.Move(lines)
	m.settle()
}

// Page moves the cursor by pages.
func (m *Model) Page(pages int) {
	m.window.Page(pages)
	m.settle()
}

// Top goes to the oldest event.
func (m *Model) Top() {
	m.window.To(0)
	m.settle()
}

// Bottom goes to the newest event and follows.
func (m *Model) Bottom() {
	m.window.To(len(m.shown) - 1)
	m.settle()
}

// Click puts the cursor on a line.
func (m *Model) Click(y int) {
	if m.titled() {
		y--
	}
	if i, ok := m.window.Line(y); ok {
		m.window.To(i)
		m.settle()
	}
}

func (m *Model) settle() {
	m.follow = m.window.Cursor >= len(m.shown)-1
	if m.window.Cursor < len(m.shown) {
		m.chosen = m.shown[m.window.Cursor]
	}
}

func (m *Model) catchUp() {
	if m.follow {
		m.window.To(len(m.shown) - 1)
	}
}

// show filters the log from a position on.
func (m *Model) show(from int) {
	for i := from; i < len(m.log); i++ {
		e := &m.log[i]
		if e.notice != "" {
			m.shown = append(m.shown, i)
		} else if e.Type == flow.EventLost || m.passes(&e.Event) {
			m.shown = append(m.shown, i)
			m.widest = max(m.widest, format.Width(flowText(&e.Event)))
		}
	}
}

func (m *Model) passes(e *flow.Event) bool {
	if m.filter.Empty() {
		return true
	}
	if e.Type != flow.EventDestroy {
		return m.filter.Match(e.Flow())
	}
	f := e.Flow()
	return m.filter.MatchEnded(f, e.Reason) || m.filter.Match(f)
}

// cut drops the n oldest events. What is visible stays where it is.
func (m *Model) cut(n int) {
	m.log = append([]entry(nil), m.log[n:]...)
	m.chosen = max(m.chosen-n, 0)
	before := len(m.shown)
	m.shown = nil
	m.show(0)
	gone := before - len(m.shown)
	m.window.Cursor -= gone
	m.window.Offset -= gone
}

func (m *Model) bodyHeight() int {
	if m.titled() {
		return m.height - 1
	}
	return m.height
}

func (m *Model) titled() bool { return m.height >= 3 }
