package ui

import (
	"fmt"
	"slices"
	"strings"

	"ctop/ui/format"
)

// tabsLine shows the views and, at the right, what is shown of the one that is
// open.
func (m *Model) tabsLine() string {
	line, width := " ", 1
	for _, t := range tabs {
		text := m.tabText(t.key, t.title, t.view == m.view)
		width += format.Width(text) + 1
		if t.view == m.view {
			text = m.theme.ActiveTab.Render(text)
		}
		line += text + " "
	}
	facts := strings.Join(m.facts(m.width-width), "   ")
	return line + format.Blank(m.width-width-format.Width(facts)-1) + facts
}

// compactTabs is the width below which only the open view is named.
const compactTabs = 64

// tabText marks the open one by more than its style.
func (m *Model) tabText(key, title string, active bool) string {
	switch {
	case active:
		return "[" + key + " " + title + "]"
	case m.width < compactTabs:
		return " " + key + " "
	}
	return " " + key + " " + title + " "
}

// tabAt returns the view whose tab is at column x.
func (m *Model) tabAt(x int) (view, bool) {
	at := 1
	for _, t := range tabs {
		width := format.Width(m.tabText(t.key, t.title, t.view == m.view)) + 1
		if at <= x && x < at+width {
			return t.view, true
		}
		at += width
	}
	return 0, false
}

// facts are what has to be known about the list, the most important last. Those
// that do not fit are left out.
func (m *Model) facts(room int) []string {
	var facts []string
	switch m.view {
	case viewFlows:
		facts = m.flowsFacts()
	case viewEvents:
		facts = m.logFacts()
	}
	for len(facts) > 0 && format.Width(strings.Join(facts, "   ")) > room-1 {
		facts = facts[1:]
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
	if m.shown != nil {
		facts = append(facts, fraction(m.present, len(m.shown.Flows)))
	}
	return facts
}

func (m *Model) logFacts() []string {
	facts := m.filterFacts()
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
	return []string{"filter: " + format.Clean(m.filter.String())}
}

func fraction(shown, all int) string {
	return format.Count(shown) + "/" + format.Count(all)
}
