package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// tickMsg asks for a look at the source. A tick of another generation than the
// present one is late and starts nothing.
type tickMsg struct{ generation int }

// look is what a look at the source found.
type look struct {
	now      time.Time
	snapshot *flow.Snapshot
	events   []flow.Event
	next     uint64
	sessions sessionPoll
	fleet    FleetState
	// every is that of so many frames one is shown.
	every   int
	capture Capture
	// names is why the operator's names are not those of the file.
	names string
}

// poll returns a command that looks at the source. What it finds is dropped if
// another look was asked for meanwhile.
func (m *root) poll() tea.Cmd {
	source, options, after, generation := m.source, m.options, m.position, m.generation
	sessions, fleet := m.pollSessions(), m.steerFleet()
	return work.Do(func() look {
		state := fleet()
		events, next := source.Events(after)
		snapshot := source.Snapshot()
		options.offer(snapshot)
		found := look{now: options.clock(), snapshot: snapshot, events: events, next: next, sessions: sessions(), fleet: state}
		found.names = names.Trouble()
		if options.link != nil {
			found.every = options.link()
		}
		if options.capturer != nil {
			found.capture = options.capturer.State()
		}
		return found
	}, func(found look) tea.Cmd {
		if generation != m.generation {
			return nil
		}
		return tea.Batch(m.take(found), m.tick())
	})
}

// tick returns a command that asks for the next look.
func (m *root) tick() tea.Cmd { return m.tickIn(m.pace()) }

func (m *root) tickIn(wait time.Duration) tea.Cmd {
	generation := m.generation
	return tea.Tick(wait, func(time.Time) tea.Msg { return tickMsg{generation} })
}

// refresh looks at the source at once, instead of with the next tick.
func (m *root) refresh() tea.Cmd {
	m.generation++
	return m.poll()
}

func (m *root) handleTick(msg tickMsg) tea.Cmd {
	if msg.generation != m.generation {
		return nil
	}
	return m.poll()
}

// take hands what was found to the pages.
func (m *root) take(found look) tea.Cmd {
	m.frame.Now, m.every, m.names = found.now, found.every, found.names
	m.takeFleet(found.fleet)
	m.frame.ExpireStatus()
	m.takeSnapshot(found.snapshot)
	m.takeEvents(found)
	m.takeSessions(found.sessions)
	m.acts.TakeCapture(found.capture)
	if m.greeting != "" && m.frame.Latest != nil && m.frame.Said() == "" {
		m.frame.Tell(m.greeting)
		m.greeting = ""
	}
	return tea.Batch(m.frame.Broadcast(page.Polled{}), m.acts.Update(page.Polled{}))
}

func (m *root) takeSnapshot(s *flow.Snapshot) {
	f := m.frame
	if s == nil || s == f.Latest {
		return
	}
	again := f.Latest != nil && s.Time.Equal(f.Latest.Time)
	if f.Latest != nil && !again {
		m.gap = s.Time.Sub(f.Latest.Time)
	}
	m.noteAlerts(f.Latest, s)
	m.noteNews(s)
	f.Latest = s
	if !f.Paused {
		f.Target = s
	}
	f.Broadcast(page.SnapshotTaken{Again: again})
}

// mostEvents is how many new events are shown at a time. No one can read more in half
// a second, and the console must not stall on them.
const mostEvents = 2000

// takeEvents hands on all events, and the newest to be shown if there are too many.
// A notice in the log says how many were left out.
func (m *root) takeEvents(found look) {
	f := m.frame
	first := m.position == 0
	passed := found.next - min(m.position, found.next)
	m.position = found.next
	shown := found.events
	if !first && len(shown) > mostEvents {
		shown = shown[len(shown)-mostEvents:]
	}
	if missed := passed - min(uint64(len(shown)), passed); missed > 0 && !first {
		f.Missed += missed
		f.Note("too fast to show all: " + format.Plural(int(missed), "event") + " left out here")
	}
	if len(found.events) > 0 || passed > 0 {
		f.Broadcast(page.EventsTaken{All: found.events, Shown: shown})
	}
}
