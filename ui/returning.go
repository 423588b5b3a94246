package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

const (
	// returnsFor is how long deleted flows are looked for.
	returnsFor = 10 * time.Second
	// mostSought is how many of them are.
	mostSought = 100000
)

// deletion is what was deleted last and may come back: in observe mode the next
// packet picks a flow up again.
type deletion struct {
	flows map[flow.Tuple]flow.ID
	text  string
	at    time.Time
	back  int
	// told is the message that is on the screen about it.
	told string
	// seen is the snapshot that was looked at last.
	seen *flow.Snapshot
}

// expect begins to look for deleted flows.
func (m *Model) expect(refs []flow.Ref, text string) {
	flows := make(map[flow.Tuple]flow.ID, min(len(refs), mostSought))
	for _, ref := range refs[:min(len(refs), mostSought)] {
		flows[ref.Tuple] = ref.ID
	}
	m.deleted = deletion{flows: flows, text: text, told: text, at: m.now, seen: m.latest}
}

// lookForReturned looks for deleted flows in a new snapshot.
func (m *Model) lookForReturned() tea.Cmd {
	d, s := &m.deleted, m.latest
	if d.flows == nil || s == nil || s == d.seen || !s.Time.After(d.at) {
		return nil
	}
	if m.now.Sub(d.at) > returnsFor {
		m.deleted = deletion{}
		return nil
	}
	d.seen = s
	flows := d.flows
	return func() tea.Msg { return returnedMsg{order.CountBack(s, flows)} }
}

// handleReturned says when deleted flows have come back.
func (m *Model) handleReturned(msg returnedMsg) {
	d := &m.deleted
	if d.flows == nil || msg.flows <= d.back {
		return
	}
	d.back = msg.flows
	text := d.text + ", " + format.Count(d.back) + " came back since"
	if m.status.text == "" || m.status.text == d.told {
		d.told = text
		m.tell(text)
	}
	m.note(text)
}

// note writes what was done into the events view.
func (m *Model) note(text string) {
	if text != "" {
		m.log.Tell([]Notice{{Time: m.now, Text: text}})
	}
}
