package ui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/overview"
)

// step is where a drill-down came from.
type step struct {
	view   view
	filter filter.Filter
}

// counts has what the open view shows of all flows counted anew.
func (m *Model) counts() tea.Cmd {
	return tea.Batch(m.countTimeouts(), m.talkIfStale(), m.countFlows())
}

// retalk has groups counted because the operator wants others. What is being
// counted for an earlier wish will not be shown.
func (m *Model) retalk() tea.Cmd {
	m.talk.wish++
	m.talk.stale, m.talk.after = true, time.Time{}
	return m.talkIfStale()
}

// talkIfStale has groups counted where they are on the screen and others than
// they should be, never more than once at a time.
func (m *Model) talkIfStale() tea.Cmd {
	if !m.talk.stale || m.talk.working || m.view != viewTalkers || m.shown == nil || m.now.Before(m.talk.after) {
		return nil
	}
	m.talk.stale, m.talk.working = false, true
	wish, clock := m.talk.wish, m.options.clock
	r := order.GroupRequest{Snapshot: m.shown, Filter: m.named(m.filter), Grouping: m.grouping, By: m.groupBy}
	return func() tea.Msg {
		began := clock()
		groups := order.Talk(r)
		return talkedMsg{wish: wish, groups: groups, took: clock().Sub(began)}
	}
}

func (m *Model) handleTalked(msg talkedMsg) tea.Cmd {
	m.talk.working, m.talk.after = false, m.now.Add(idleShare*msg.took)
	if msg.wish == m.talk.wish {
		m.talkers.Set(msg.groups)
	} else {
		m.talk.stale, m.talk.after = true, time.Time{}
	}
	return m.talkIfStale()
}

func (m *Model) handleTalkersKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Group):
		return m.groupNext(1)
	case key.Matches(msg, m.keys.GroupBack):
		return m.groupNext(-1)
	case key.Matches(msg, m.keys.Sort):
		return m.sortGroups((m.groupBy.Sort + 1) % order.NumGroupSorts)
	case key.Matches(msg, m.keys.Reverse):
		m.groupBy.Desc = !m.groupBy.Desc
		return m.retalk()
	case key.Matches(msg, m.keys.Enter):
		return m.drill()
	case key.Matches(msg, m.keys.Filter):
		m.editFilter()
	case key.Matches(msg, m.keys.Back):
		return m.clearFilter()
	default:
		m.noKey()
	}
	return nil
}

func (m *Model) groupNext(step int) tea.Cmd {
	m.grouping = m.grouping.Next(step)
	return m.retalk()
}

// sortGroups sorts by a column the way one would expect, or the other way where
// that was so already.
func (m *Model) sortGroups(by order.GroupSort) tea.Cmd {
	if by == m.groupBy.Sort {
		m.groupBy.Desc = !m.groupBy.Desc
	} else {
		m.groupBy.Sort, m.groupBy.Desc = by, by != order.GroupName
	}
	return m.retalk()
}

// drill shows the flows of the selected group.
func (m *Model) drill() tea.Cmd {
	g, ok := m.talkers.Selected()
	if !ok {
		m.warn(noFlow)
		return nil
	}
	shown := m.talkers.Groups()
	return m.narrow(m.filter.And(shown.Grouping.Term(g.Key, shown.Snapshot)))
}

// like shows the flows to the same service as one of them.
func (m *Model) like(f *flow.Flow) tea.Cmd {
	return m.narrow(likeText(f.Tuple))
}

func likeText(t flow.Tuple) string {
	return "proto:" + t.Proto.String() + " " + endText("dst", "dport", t.Proto, t.Dst)
}

// narrow shows the flows that pass another filter, from which Esc leads back.
func (m *Model) narrow(text string) tea.Cmd {
	f, err := m.parse(text)
	if err != nil {
		m.warn(err.Error())
		return nil
	}
	m.trail = append(m.trail, step{m.view, m.filter})
	m.view, m.mode = viewFlows, modeNormal
	m.flows.Top()
	return m.setFilter(f)
}

// retrace goes back to where a drill-down came from.
func (m *Model) retrace() tea.Cmd {
	last := m.trail[len(m.trail)-1]
	m.trail = m.trail[:len(m.trail)-1]
	m.view = last.view
	return tea.Batch(m.setFilter(last.filter), m.counts())
}

// countFlows has the flows counted for the overview, where that is open.
func (m *Model) countFlows() tea.Cmd {
	s := m.shown
	if m.view != viewOverview || s == nil || m.counting == s {
		return nil
	}
	m.counting = s
	opened := m.log.Opened(s.Time.Add(-overview.Recent))
	return func() tea.Msg { return totalledMsg{order.NewCount(s), order.NewOpening(opened)} }
}

func (m *Model) handleOverviewKey(msg tea.KeyMsg) tea.Cmd {
	if key.Matches(msg, m.keys.Back) {
		return m.open(viewFlows)
	}
	m.noKey()
	return nil
}
