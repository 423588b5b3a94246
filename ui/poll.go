package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// Bounds on flows that have just ended.
const (
	// lingering is how long they stay on the screen.
	lingering = 2 * time.Second
	// mostEnded is how many of them are kept: thousands in two seconds are a
	// flood, and no one could read them.
	mostEnded = 1000
)

// ending is the end of a flow.
type ending struct {
	reason flow.Reason
	// at is when the flow ended, seen when the console learnt of it.
	at, seen time.Time
	flow     *flow.Flow
}

// poll looks at the source.
func (m *Model) poll() tea.Cmd {
	source, clock, after, generation := m.source, m.options.clock, m.position, m.generation
	company := m.pollCompany()
	return func() tea.Msg {
		events, next := source.Events(after)
		return polledMsg{
			generation: generation, now: clock(),
			snapshot: source.Snapshot(), events: events, next: next, company: company(),
		}
	}
}

// refresh looks at the source without waiting for the next tick, and in place
// of it.
func (m *Model) refresh() tea.Cmd {
	m.generation++
	return m.poll()
}

func (m *Model) handleTick(msg tickMsg) tea.Cmd {
	if msg.generation != m.generation {
		return nil
	}
	return m.poll()
}

func (m *Model) handlePolled(msg polledMsg) tea.Cmd {
	if msg.generation != m.generation {
		return nil
	}
	m.now = msg.now
	m.status.expire(m.now)
	m.takeSnapshot(msg.snapshot)
	m.takeEvents(m.sample(msg))
	m.takeCompany(msg.company)
	m.forgetEnded()
	m.showTime()
	if m.greeting != "" && m.latest != nil && m.status.text == "" {
		m.tell(m.greeting)
		m.greeting = ""
	}
	generation := m.generation
	tick := tea.Tick(m.options.interval, func(time.Time) tea.Msg { return tickMsg{generation} })
	return tea.Batch(tick, m.arrangeIfStale(), m.lookForReturned())
}

func (m *Model) takeSnapshot(s *flow.Snapshot) {
	if s == nil || s == m.latest {
		return
	}
	// One of the same time has another warning and nothing else.
	if m.latest == nil || !s.Time.Equal(m.latest.Time) {
		if m.latest != nil {
			m.gap = s.Time.Sub(m.latest.Time)
		}
		m.overview.Remember(s)
	}
	m.latest = s
	m.limits.SetValues(s.Timeouts)
	if !m.paused {
		m.target, m.stale = s, true
	}
}

func (m *Model) takeEvents(batch []flow.Event) {
	if len(batch) == 0 {
		return
	}
	m.log.Append(batch)
	if m.detailOpen() {
		m.detail.SetEvents(m.log.Of(m.detail.Flow().ID))
	}
}

func (m *Model) takeEnd(e *flow.Event) {
	delete(m.marked, e.ID)
	if e.Recovered {
		return // why it ended is not known: it has just left the table
	}
	end := ending{reason: e.Reason, at: e.Time, seen: m.now, flow: e.Flow()}
	m.remember(end)
	if m.paused || len(m.ended) >= mostEnded || m.now.Sub(e.Time) > lingering {
		return
	}
	m.ended[e.ID] = end
	m.stale = true
}

// forgetEnded lets flows go that have been shown as ended for long enough, but
// not before there is a snapshot without them.
func (m *Model) forgetEnded() {
	if m.paused {
		return
	}
	m.forgetPast()
	for id, e := range m.ended {
		if m.now.Sub(e.seen) > lingering && (m.target == nil || m.target.Time.After(e.at)) {
			delete(m.ended, id)
			m.stale = true
		}
	}
	m.flows.SetEnded(m.endedReasons())
}

// asOf is the moment that the console shows.
func (m *Model) asOf() time.Time {
	if m.paused {
		return m.pausedAt
	}
	return m.now
}

// since is how old the snapshot on the screen was at that moment.
func (m *Model) since() time.Duration {
	if m.shown == nil {
		return 0
	}
	return max(m.asOf().Sub(m.shown.Time), 0)
}

// sinceLatest is how old the newest snapshot is.
func (m *Model) sinceLatest() time.Duration {
	if m.latest == nil {
		return 0
	}
	return max(m.now.Sub(m.latest.Time), 0)
}

// showTime lets the clocks on the screen go on.
func (m *Model) showTime() {
	m.flows.SetSince(m.since())
	m.overview.SetSince(m.since())
	m.detail.SetSince(m.since())
}
