package ui

import (
	"fmt"
	"slices"
	"strings"

	"ctop/internal/format"
)

// tabsLine shows the views and, at the right, what is shown of the one that is
// open.
func (m *Model) tabsLine() string {
	compact := m.compact()
	line, width := " ", 1
	for _, t := range tabs {
		text := m.tabText(t.key, t.title, t.view == m.view, compact)
		width += format.Width(text) + 1
		if t.view == m.view {
			text = m.theme.ActiveTab.Render(text)
		}
		line += text + " "
	}
	facts := strings.Join(fitFacts(m.facts(), m.width-width-1), factGap)
	return line + format.Blank(m.width-width-format.Width(facts)-1) + facts
}

const (
	// compactTabs is the width below which only the open view is named.
	compactTabs = 72
	// leastFilter is how much of a filter has to stay for it to be worth
	// showing.
	leastFilter = 14
	filterLabel = "filter: "
	factGap     = "   "
)

// compact reports whether only the open view is named: on a narrow screen, and
// where the facts need the room. That a filter hides something has to be seen.
func (m *Model) compact() bool {
	if m.width < compactTabs {
		return true
	}
	width := 2 + format.Width(strings.Join(m.facts(), factGap))
	for _, t := range tabs {
		width += format.Width(m.tabText(t.key, t.title, t.view == m.view, false)) + 1
	}
	return width > m.width
}

// tabText marks the open one by more than its style.
func (m *Model) tabText(key, title string, active, compact bool) string {
	switch {
	case active:
		return "[" + key + " " + title + "]"
	case compact:
		return " " + key + " "
	}
	return " " + key + " " + title + " "
}

// tabAt returns the view whose tab is at column x.
func (m *Model) tabAt(x int) (view, bool) {
	at, compact := 1, m.compact()
	for _, t := range tabs {
		width := format.Width(m.tabText(t.key, t.title, t.view == m.view, compact)) + 1
		if at <= x && x < at+width {
			return t.view, true
		}
		at += width
	}
	return 0, false
}

// facts are what has to be known about the list, the most important last.
func (m *Model) facts() []string {
	switch m.view {
	case viewFlows:
		return m.flowsFacts()
	case viewEvents:
		return m.logFacts()
	case viewTalkers:
		return m.talkersFacts()
	case viewOverview:
		return m.overviewFacts()
	}
	return nil
}

// fitFacts leaves out what does not fit. A filter is cut first.
func fitFacts(facts []string, room int) []string {
	for len(facts) > 0 {
		over := format.Width(strings.Join(facts, factGap)) - room
		if over <= 0 {
			break
		}
		at := slices.IndexFunc(facts, func(f string) bool { return strings.HasPrefix(f, filterLabel) })
		if at >= 0 && format.Width(facts[at])-over >= leastFilter {
			facts[at] = format.Cut(facts[at], format.Width(facts[at])-over)
			break
		}
		drop := 0
		if at == 0 && len(facts) > 2 {
			drop = 1
		}
		facts = slices.Delete(facts, drop, drop+1)
	}
	return facts
}

func (m *Model) flowsFacts() []string {
	facts := m.filterFacts()
	if m.unit != 0 {
		facts = append(facts, "rates in "+m.unit.String())
	}
	if !slices.Contains(m.flows.Keys(), m.by.Key) {
		facts = append(facts, "by "+sortName(m.by.Key))
	}
	if n := len(m.marked); n > 0 {
		facts = append(facts, fmt.Sprintf("%d marked", n))
	}
	if n := len(m.flows.Rows()) - m.present; n > 0 && m.filter.WantsEnded() {
		facts = append(facts, format.Count(n)+" ended")
	}
	if m.shown != nil {
		facts = append(facts, fraction(m.present, len(m.shown.Flows)))
	}
	return facts
}

func (m *Model) talkersFacts() []string {
	facts := append(m.filterFacts(), "by "+m.grouping.String())
	if m.unit != 0 {
		facts = append(facts, "rates in "+m.unit.String())
	}
	if !m.talkers.Loaded() {
		return facts
	}
	g := m.talkers.Groups()
	if len(g.Top) < g.All {
		return append(facts, "first "+format.Count(len(g.Top))+" of "+format.Count(g.All))
	}
	return append(facts, format.Plural(g.All, "group"))
}

func (m *Model) overviewFacts() []string {
	if n := m.overview.Below(); n > 0 {
		return []string{"↓ " + format.Plural(n, "more line")}
	}
	return nil
}

func (m *Model) logFacts() []string {
	facts := append(m.companyFacts(), m.filterFacts()...)
	if !m.log.Following() {
		facts = append(facts, "G follows")
	}
	shown, kept := m.log.Counts()
	return append(facts, fraction(shown, kept))
}

func (m *Model) filterFacts() []string {
	if m.filter.Empty() {
		return nil
	}
	return []string{filterLabel + format.Clean(m.filter.String())}
}

func fraction(shown, all int) string {
	return format.Count(shown) + "/" + format.Count(all)
}
