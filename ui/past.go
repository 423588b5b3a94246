package ui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Past has the snapshots that were shown before. [*ctop/internal/history.Store] implements
// it. Its methods must be safe for concurrent use.
type Past interface {
	// Offer takes a snapshot that is shown. It must return at once.
	Offer(s *flow.Snapshot)
	// Times returns when the snapshots were taken, the oldest first.
	Times() []time.Time
	// At returns the newest snapshot that is not younger than a time, nil if there is
	// none. It does not run on the console's goroutine. near is a snapshot from which
	// to begin, it may be nil.
	At(at time.Time, near *flow.Snapshot) *flow.Snapshot
}

// WithPast lets the console show the past.
func WithPast(p Past) Option {
	return func(o *options) { o.past = p }
}

// newTravel returns the task that fetches the snapshot of the time that is shown.
func (m *root) newTravel() *work.Task[*flow.Snapshot] {
	return work.NewTask(m.options.clock, m.fetch, m.arrive)
}

// offer keeps a snapshot for later.
func (o options) offer(s *flow.Snapshot) {
	if o.past != nil {
		o.past.Offer(s)
	}
}

// handlePastKey takes the keys that lead to another time.
func (m *root) handlePastKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool) {
	f, k := m.frame, m.frame.Keys
	switch {
	case m.options.past == nil:
		return nil, false
	case key.Matches(msg, k.Earlier):
		return m.earlier(0), true
	case key.Matches(msg, k.MuchEarlier):
		return m.earlier(time.Minute), true
	case key.Matches(msg, k.Later, k.MuchLater) && !f.Past:
		f.Tell("this is now: " + k.Earlier.Help().Key + " goes back in time")
		return nil, true
	case key.Matches(msg, k.Later):
		return m.later(0), true
	case key.Matches(msg, k.MuchLater):
		return m.later(time.Minute), true
	case key.Matches(msg, k.Present) && f.Past:
		m.release()
		return f.TogglePause(), true
	}
	return nil, false
}

// earlier goes back by a time, or at least to the snapshot before.
func (m *root) earlier(by time.Duration) tea.Cmd {
	now, ok := m.shownAt()
	if !ok {
		return nil
	}
	var at time.Time
	times := m.options.past.Times()
	for _, t := range times {
		if t.Before(now) && (at.IsZero() || !t.After(now.Add(-by))) {
			at = t
		}
	}
	if at.IsZero() {
		text := "nothing is kept of earlier times"
		if len(times) > 0 {
			text += ": the first is of " + times[0].Format(clockTime)
		}
		m.frame.Tell(text)
		return nil
	}
	return m.travel(at)
}

// later goes forward by a time, or at least to the next snapshot. The present follows the
// newest one.
func (m *root) later(by time.Duration) tea.Cmd {
	var at time.Time
	times := m.options.past.Times()
	for _, t := range times {
		if t.After(m.frame.PausedAt) && (at.IsZero() || !t.After(m.frame.PausedAt.Add(by))) {
			at = t
		}
	}
	if at.IsZero() || by > 0 && m.frame.PausedAt.Add(by).After(times[len(times)-1]) {
		return m.frame.TogglePause()
	}
	return m.travel(at)
}

// shownAt returns the time of what is shown, false if that is nothing.
func (m *root) shownAt() (at time.Time, ok bool) {
	switch f := m.frame; {
	case f.Past:
		return f.PausedAt, true
	case f.Shown != nil:
		return f.Shown.Time, true
	}
	return time.Time{}, false
}

// travel shows another time.
func (m *root) travel(to time.Time) tea.Cmd {
	f := m.frame
	f.PausedAt = to
	var paused tea.Cmd
	if !f.Past {
		f.Past, f.Paused, f.Target = true, true, f.Shown
		paused = f.Broadcast(page.PauseChanged{Before: f.Shown})
	}
	return tea.Batch(paused, m.traveling.Renew())
}

// fetch returns what finds the snapshot of the time that is shown.
func (m *root) fetch() func() *flow.Snapshot {
	if !m.frame.Past {
		return nil
	}
	past, at, near := m.options.past, m.frame.PausedAt, m.frame.Shown
	return func() *flow.Snapshot { return past.At(at, near) }
}

// arrive shows the snapshot, unless the operator is back already.
func (m *root) arrive(s *flow.Snapshot) tea.Cmd {
	f := m.frame
	switch {
	case !f.Past:
		return nil
	case s == nil:
		f.Warn("that time is no longer kept")
		return f.TogglePause()
	}
	f.Target, f.PausedAt = s, s.Time
	return f.Broadcast(page.PastChanged{})
}

// clockTime is how the header shows a time.
const clockTime = "15:04:05"

// pastText says in the header what time is shown.
func (m *root) pastText() string {
	f := m.frame
	return f.PausedAt.Format(clockTime) + " −" + format.Age(f.Now.Sub(f.PausedAt))
}

// refusePast refuses an act while the past is shown.
func (m *root) refusePast(p page.Page, msg tea.KeyMsg) (refused bool) {
	if !m.frame.Past {
		return false
	}
	if _, acts := m.attempt(p, msg); !acts {
		return false
	}
	m.frame.Warn("the past cannot be changed: " + m.frame.Keys.Present.Help().Key + " goes back to now")
	return true
}
