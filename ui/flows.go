package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/detail"
)

func (m *Model) handleFlowsKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Filter):
		m.editFilter()
	case key.Matches(msg, m.keys.Sort):
		m.mode, m.byBefore = modeSort, m.by
	case key.Matches(msg, m.keys.Reverse):
		return m.reverse()
	case key.Matches(msg, m.keys.Mark):
		m.toggleMark()
	case key.Matches(msg, m.keys.DeleteAll):
		return m.surveyShown()
	case key.Matches(msg, m.keys.Enter):
		m.openDetail(m.flows.Selected())
	case key.Matches(msg, m.keys.Export):
		return m.export()
	case key.Matches(msg, m.keys.Columns):
		m.chooseColumns()
	case key.Matches(msg, m.keys.Back):
		return m.undo()
	case key.Matches(msg, m.keys.Delete) && len(m.marked) > 0:
		return m.surveyMarked()
	default:
		return m.handleFlowKey(msg, m.flows.Selected())
	}
	return nil
}

// noFlow answers keys that are for a flow.
const noFlow = "there is no flow here"

// noKey answers a key that means nothing.
func (m *Model) noKey() { m.tell("no key here: ? lists the keys") }

// handleFlowKey takes the keys that act on one flow.
func (m *Model) handleFlowKey(msg tea.KeyMsg, f *flow.Flow) tea.Cmd {
	k := m.keys
	switch {
	case !key.Matches(msg, k.Delete, k.Longer, k.Shorter, k.Default, k.Copy, k.Pin, k.Like):
		m.noKey()
	case f == nil:
		m.warn(noFlow)
	case key.Matches(msg, m.keys.Delete):
		m.askDelete(f)
	case key.Matches(msg, m.keys.Longer):
		return m.lengthen(f)
	case key.Matches(msg, m.keys.Shorter):
		return m.shorten(f)
	case key.Matches(msg, m.keys.Default):
		return m.resetTimeout(f)
	case key.Matches(msg, m.keys.Copy):
		return m.copy(f.ID, f.Tuple)
	case key.Matches(msg, m.keys.Pin):
		return m.pin(f)
	case key.Matches(msg, m.keys.Like):
		return m.like(f)
	}
	return nil
}

func (m *Model) handleDetailKey(msg tea.KeyMsg) tea.Cmd {
	if key.Matches(msg, m.keys.Back, m.keys.Enter) {
		m.mode = modeNormal
		return nil
	}
	if cmd, ok := m.handleCommonKey(msg); ok {
		return cmd
	}
	if cmd, ok := m.handleViewKey(msg); ok {
		return cmd
	}
	if m.handleMoveKey(msg) {
		return nil
	}
	return m.handleFlowKey(msg, m.detail.Flow())
}

func (m *Model) toggleMark() {
	f := m.flows.Selected()
	if f == nil {
		return
	}
	if _, ok := m.marked[f.ID]; ok {
		delete(m.marked, f.ID)
	} else if !m.hasEnded(f.ID) {
		m.marked[f.ID] = f.Ref()
	}
	m.flows.Move(1)
}

// undo takes back one thing at a time: the marks, the last drill-down, then the
// filter.
func (m *Model) undo() tea.Cmd {
	if len(m.marked) > 0 {
		clear(m.marked)
		return nil
	}
	if len(m.trail) > 0 {
		return m.retrace()
	}
	if !m.filter.Empty() {
		return m.setFilter(filter.Filter{})
	}
	return nil
}

func (m *Model) hasEnded(id flow.ID) bool {
	_, ended := m.ended[id]
	return ended || m.detailOpen() && m.detail.Flow().ID == id && m.detail.Ended()
}

// living returns a flow as it is now, which a paused console does not show. It says
// so where the flow has ended, and returns nil.
func (m *Model) living(f *flow.Flow) *flow.Flow {
	now := f
	if m.paused && m.latest != nil {
		now = order.Find(m.latest, f.ID)
	}
	if now == nil || m.hasEnded(f.ID) {
		m.warn("this flow has ended already")
		return nil
	}
	return now
}

func (m *Model) openDetail(f *flow.Flow) {
	if f == nil {
		m.warn(noFlow)
		return
	}
	m.mode = modeDetail
	m.detail = detail.New(m.theme, m.shown, f, &m.traces)
	m.detail.SetUnit(m.unit)
	m.detail.SetSince(m.since())
	m.detail.SetEvents(m.log.Of(f.ID))
}

// openEventDetail opens the flow of an event, with what the event tells about
// it until the next snapshot.
func (m *Model) openEventDetail() {
	e := m.log.Selected()
	if e == nil || e.Type == flow.EventLost {
		m.warn(noFlow)
		return
	}
	m.openDetail(e.Flow())
	m.stale = true
}

// detailOpen reports whether the detail is on the screen, be it behind a
// question.
func (m *Model) detailOpen() bool {
	behind := m.mode == modeConfirm || m.mode == modeHelp
	return m.mode == modeDetail || behind && m.back == modeDetail
}
