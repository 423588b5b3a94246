package ui

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// Bounds on flows that ended a while ago and can be found by state:ended.
const (
	pastFor  = 5 * time.Minute
	mostPast = 2000
)

// remember keeps the end of a flow for a while.
func (m *Model) remember(e ending) {
	m.past = append(m.past, e)
	if len(m.past) > mostPast+mostPast/4 {
		m.past = append([]ending(nil), m.past[len(m.past)-mostPast:]...)
	}
	m.stale = m.stale || m.filter.WantsEnded() && !m.paused
}

// forgetPast lets flows go that ended too long ago.
func (m *Model) forgetPast() {
	n := 0
	for n < len(m.past) && m.now.Sub(m.past[n].seen) > pastFor {
		n++
	}
	if n > 0 {
		m.past = append([]ending(nil), m.past[n:]...)
		m.stale = m.stale || m.filter.WantsEnded()
	}
}

// endedFlows are the flows to be shown although they have ended.
func (m *Model) endedFlows() map[flow.ID]order.Ended {
	flows := make(map[flow.ID]order.Ended, len(m.ended))
	if m.filter.WantsEnded() {
		for _, e := range m.past {
			if m.paused && e.seen.After(m.pausedAt) {
				break
			}
			flows[e.flow.ID] = order.Ended{Flow: e.flow, Reason: e.reason, Past: true}
		}
	}
	for id, e := range m.ended {
		flows[id] = order.Ended{Flow: e.flow, Reason: e.reason}
	}
	return flows
}

func (m *Model) endedReasons() map[flow.ID]flow.Reason {
	flows := m.endedFlows()
	reasons := make(map[flow.ID]flow.Reason, len(flows))
	for id, e := range flows {
		reasons[id] = e.Reason
	}
	return reasons
}

// togglePause freezes what is shown, or goes on with the newest and says what
// came, went and changed meanwhile.
func (m *Model) togglePause() tea.Cmd {
	m.paused = !m.paused
	m.log.Freeze(m.paused)
	m.overview.Freeze(m.paused)
	m.overview.SetMissed(m.missed)
	if m.paused {
		m.pausedAt, m.target = m.now, m.shown
		m.showTime()
		return m.rearrange()
	}
	before, after, lasted := m.shown, m.latest, m.now.Sub(m.pausedAt)
	m.target = m.latest
	m.showTime()
	compare := func() tea.Msg {
		return resumedMsg{change: order.Compare(before, after), lasted: lasted}
	}
	return tea.Batch(m.rearrange(), compare)
}

func resumed(msg resumedMsg) string {
	c := msg.change
	return fmt.Sprintf("after %s: %s came, %s went, %s changed state",
		format.Age(msg.lasted), format.Plural(c.Came, "flow"), format.Count(c.Went), format.Count(c.Moved))
}

// mostEvents is how many new events the log takes at a time. More in half a
// second no one can read, and the console must not stall on them.
const mostEvents = 2000

// sample returns the events that the log is to take: all of them, or the newest
// where they are too many, and what says so in place of the others.
func (m *Model) sample(msg polledMsg) []flow.Event {
	first := m.position == 0
	passed := msg.next - min(m.position, msg.next)
	m.position = msg.next
	for i := range msg.events {
		if e := &msg.events[i]; e.Type == flow.EventDestroy {
			m.takeEnd(e)
		}
	}
	batch := msg.events
	if !first && len(batch) > mostEvents {
		batch = batch[len(batch)-mostEvents:]
	}
	if missed := passed - min(uint64(len(batch)), passed); missed > 0 && !first {
		m.missed += missed
		if !m.paused {
			m.overview.SetMissed(m.missed)
		}
		m.log.Tell([]Notice{{Time: msg.now, Text: "too fast to show all: " + format.Plural(int(missed), "event") + " left out here"}})
	}
	return batch
}
