package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
)

// rearrange has the rows put in order because the operator wants others. What
// is being arranged for an earlier wish will not be shown.
func (m *Model) rearrange() tea.Cmd {
	m.wish++
	m.stale, m.restUntil = true, time.Time{}
	return m.arrangeIfStale()
}

// arrangeIfStale has the rows put in order where that is needed. There is never
// more than one such work at a time, so that a table which takes long to sort
// does not pile up more of it.
func (m *Model) arrangeIfStale() tea.Cmd {
	if !m.stale || m.arranging || m.target == nil || m.now.Before(m.restUntil) {
		return nil
	}
	m.stale, m.arranging = false, true
	wish, request, clock := m.wish, m.request(), m.options.clock
	return func() tea.Msg {
		began := clock()
		result := order.Arrange(request)
		return arrangedMsg{wish: wish, result: result, took: clock().Sub(began)}
	}
}

func (m *Model) request() order.Request {
	r := order.Request{
		Snapshot: m.target, Filter: m.named(m.filter), By: m.by,
		Ended:  m.endedFlows(),
		Before: m.flows.Rows(),
	}
	if f := m.flows.Selected(); f != nil {
		r.Anchor = f.ID
	}
	if m.detailOpen() {
		r.Watch = m.detail.Flow().ID
	}
	return r
}

func (m *Model) handleArranged(msg arrangedMsg) tea.Cmd {
	m.arranging = false
	m.restUntil = m.now.Add(idleShare * msg.took)
	if msg.wish != m.wish {
		m.stale, m.restUntil = true, time.Time{}
		return m.arrangeIfStale()
	}
	m.show(msg.result)
	return tea.Batch(m.arrangeIfStale(), m.counts())
}

func (m *Model) show(r order.Result) {
	m.talk.stale = m.talk.stale || m.shown != r.Snapshot
	m.shown, m.present = r.Snapshot, r.Present
	m.flows.SetSnapshot(r.Snapshot)
	m.showTime()
	m.flows.SetRows(r.Rows, r.AnchorID, r.Anchor)
	m.traces.Note(r.Snapshot, m.flows.Visible())
	if m.detailOpen() {
		m.detail.Update(r.Snapshot, r.Watched)
	}
}
