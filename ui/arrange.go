package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker"
	"ctop/ui/order"
)

// rearrange has the rows put in order because the operator wants others. What
// is being arranged for an earlier wish will not be shown.
func (m *Model) rearrange() tea.Cmd {
	m.wish++
	m.stale = true
	return m.arrangeIfStale()
}

// arrangeIfStale has the rows put in order where that is needed. There is never
// more than one such work at a time, so that a table which takes long to sort
// does not pile up more of it.
func (m *Model) arrangeIfStale() tea.Cmd {
	if !m.stale || m.arranging || m.target == nil {
		return nil
	}
	m.stale, m.arranging = false, true
	wish, request := m.wish, m.request()
	return func() tea.Msg {
		return arrangedMsg{wish: wish, result: order.Arrange(request)}
	}
}

func (m *Model) request() order.Request {
	r := order.Request{
		Snapshot: m.target, Filter: m.filter, By: m.by,
		Ended:  make(map[tracker.FlowID]*tracker.Flow, len(m.ended)),
		Before: m.flows.Rows(),
	}
	for id, e := range m.ended {
		r.Ended[id] = e.flow
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
	if msg.wish != m.wish {
		m.stale = true
		return m.arrangeIfStale()
	}
	m.show(msg.result)
	return tea.Batch(m.arrangeIfStale(), m.countTimeouts())
}

func (m *Model) show(r order.Result) {
	m.shown, m.present = r.Snapshot, r.Present
	m.showTime()
	m.flows.SetRows(r.Rows, r.AnchorID, r.Anchor)
	if m.detailOpen() {
		m.detail.Update(r.Snapshot, r.Watched)
	}
}
