package ui

import (
	"fmt"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
	"ctop/ui/table"
)

// given is a timeout that was given to a flow, zero where it was taken back, and
// when; no time while it is being done.
type given struct {
	id       flow.ID
	duration time.Duration
	at       time.Time
}

// countTimeouts counts how many flows each timeout applies to, where that is
// on the screen.
func (m *Model) countTimeouts() tea.Cmd {
	s := m.shown
	if m.view != viewTimeouts || s == nil {
		return nil
	}
	values := m.latest.Timeouts
	return func() tea.Msg {
		return countedMsg{values: values, counts: order.CountTimeouts(s)}
	}
}

func (m *Model) handleTimeoutsKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Edit):
		if m.limits.Edit() {
			m.mode = modeEdit
		}
	case key.Matches(msg, m.keys.DefaultTimeout):
		return m.restoreTimeout()
	case key.Matches(msg, m.keys.Back):
		return m.open(viewFlows)
	default:
		m.noKey()
	}
	return nil
}

// restoreTimeout gives the selected timeout its default again, after the same
// question as any other value. It does so even where the page shows the default:
// another value may have been set since.
func (m *Model) restoreTimeout() tea.Cmd {
	if !m.limits.Edit() {
		return nil
	}
	m.mode = modeEdit
	name, _ := m.limits.Selected()
	return m.countEnding(flow.DefaultTimeouts()[name], true)
}

func (m *Model) handleEditKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Back):
		m.limits.Cancel()
		m.mode = modeNormal
		return nil
	case key.Matches(msg, m.keys.Enter):
		return m.applyTimeout()
	}
	if d, ok := m.limits.Type(msg); ok {
		return m.countEnding(d, false)
	}
	return nil
}

// applyTimeout has counted what a new value would end before it is set.
func (m *Model) applyTimeout() tea.Cmd {
	d, err := m.limits.Value()
	if err != nil {
		m.limits.Refuse(err)
		return nil
	}
	return m.countEnding(d, true)
}

func (m *Model) countEnding(d time.Duration, apply bool) tea.Cmd {
	name, _ := m.limits.Selected()
	// What it ends is ended now, also where the console is paused.
	s, since := m.latest, m.sinceLatest()
	return func() tea.Msg {
		touched := order.CountTimeouts(s)[name]
		return endingMsg{name: name, duration: d, touched: touched, flows: order.CountEnding(s, name, d-since), apply: apply}
	}
}

// handleEnding shows what a new timeout would end, and sets it where that was
// asked for: at once if it ends nothing, else after a question.
func (m *Model) handleEnding(msg endingMsg) tea.Cmd {
	if m.mode != modeEdit {
		return nil
	}
	if !msg.apply {
		m.limits.Preview(msg.name, msg.duration, msg.touched, msg.flows)
		return nil
	}
	m.limits.Cancel()
	m.mode = modeNormal
	_, old := m.limits.Selected()
	set := m.setTimeout(msg.name, msg.duration)
	if msg.flows == 0 {
		return set
	}
	m.ask(confirm.Question{
		Title: fmt.Sprintf("%s: %s → %s?", msg.name, format.Timeout(old), format.Timeout(msg.duration)),
		Lines: []string{format.Plural(msg.flows, "flow") + " silent for longer would end now"},
		Verb:  "set it", Keep: "leave it",
		Yes: set,
	})
	return nil
}

func (m *Model) setTimeout(name flow.TimeoutName, d time.Duration) tea.Cmd {
	return m.act(flow.TimeoutChange(name, d), func(_ flow.Outcome, err error) doneMsg {
		text := fmt.Sprintf("%s is now %s", name, format.Timeout(d))
		return done(text, text, err)
	})
}

// lengthen doubles a flow's own timeout.
func (m *Model) lengthen(f *flow.Flow) tea.Cmd {
	f, d := m.changeable(f)
	if f == nil {
		return nil
	}
	return m.give(f, min(2*d, flow.MaxTimeout))
}

// shorten halves a flow's own timeout. Where that would end the flow it is a
// way to delete it, and asked about like one.
func (m *Model) shorten(f *flow.Flow) tea.Cmd {
	f, d := m.changeable(f)
	if f == nil {
		return nil
	}
	d = max((d / 2).Truncate(time.Second), flow.MinTimeout)
	if f.Idle+m.sinceLatest() < d {
		return m.give(f, d)
	}
	m.ask(confirm.Question{
		Title: "end 1 flow?",
		Lines: []string{
			table.TupleText(f),
			fmt.Sprintf("silent for longer than %s, it would expire now", format.Timeout(d)),
		},
		Verb: "shorten it", Keep: "keep it",
		Yes: m.giving(f.Ref(), d, "its timeout is now "+format.Timeout(d)),
	})
	return nil
}

func (m *Model) resetTimeout(f *flow.Flow) tea.Cmd {
	if f, _ = m.changeable(f); f == nil {
		return nil
	}
	return m.setFlowTimeout(f.Ref(), 0, "it has the default timeout of its state again")
}

// done says what became of an act that either was done or was not.
func done(text, noted string, err error) doneMsg {
	if err != nil {
		return doneMsg{err: err}
	}
	return doneMsg{text: text, noted: noted}
}

// pin keeps the timeout that a flow has now, whatever state it comes to and
// whatever becomes of the defaults.
func (m *Model) pin(f *flow.Flow) tea.Cmd {
	f, d := m.changeable(f)
	if f == nil {
		return nil
	}
	text := "its timeout stays " + format.Timeout(d) + " in every state; 0 gives it the default again"
	if m.pinned(f) {
		m.tell(text)
		return nil
	}
	return m.setFlowTimeout(f.Ref(), d, text)
}

// changeable returns a flow that can be given another timeout as it is now, and its
// timeout. It says so where the flow has none, and returns nil.
func (m *Model) changeable(f *flow.Flow) (now *flow.Flow, d time.Duration) {
	if f = m.living(f); f == nil {
		return nil, 0
	}
	if d = m.currentTimeout(f); d <= 0 {
		m.warn("this flow is not in the table")
		return nil, 0
	}
	return f, d
}

// takeGiven notes when a flow was given a timeout, unless it has been given
// another one since.
func (m *Model) takeGiven(msg doneMsg) {
	g := msg.given
	if g.id == 0 || g.id == m.given.id && g.duration != m.given.duration {
		return
	}
	m.given = g
	if msg.err != nil {
		m.given = given{}
	}
}

// justGiven reports whether the flow was given a timeout that no snapshot shows
// yet: keys may be pressed faster than snapshots come.
func (m *Model) justGiven(f *flow.Flow) bool {
	g := m.given
	return g.id == f.ID && m.latest != nil && (g.at.IsZero() || !m.latest.Time.After(g.at))
}

// pinned reports whether the flow has a timeout of its own now.
func (m *Model) pinned(f *flow.Flow) bool {
	if m.justGiven(f) {
		return m.given.duration > 0
	}
	return f.OwnTimeout
}

// currentTimeout is the flow's timeout now.
func (m *Model) currentTimeout(f *flow.Flow) time.Duration {
	switch {
	case !m.justGiven(f):
		return f.Timeout
	case m.given.duration > 0 || int(f.TimeoutName) >= len(m.latest.Timeouts):
		return m.given.duration
	}
	return m.latest.Timeouts[f.TimeoutName]
}

func (m *Model) give(f *flow.Flow, d time.Duration) tea.Cmd {
	text := fmt.Sprintf("its timeout is now %s, was %s", format.Timeout(d), format.Timeout(m.currentTimeout(f)))
	return m.setFlowTimeout(f.Ref(), d, text)
}

func (m *Model) setFlowTimeout(ref flow.Ref, d time.Duration, text string) tea.Cmd {
	m.given = given{id: ref.ID, duration: d}
	return m.giving(ref, d, text)
}

// giving returns what gives a flow a timeout.
func (m *Model) giving(ref flow.Ref, d time.Duration, text string) tea.Cmd {
	clock := m.options.clock
	return m.act(flow.OwnTimeoutChange(ref, d), func(_ flow.Outcome, err error) doneMsg {
		noted := "timeout of " + ref.Tuple.String() + ": the default again"
		if d > 0 {
			noted = "timeout of " + ref.Tuple.String() + ": " + format.Timeout(d)
		}
		msg := done(text, noted, err)
		msg.given = given{id: ref.ID, duration: d, at: clock()}
		return msg
	})
}
