package ui

import (
	"slices"
	"strconv"
	"strings"

	"ctop/internal/format"
	"ctop/ui/page"
)

// tabsLine shows the tabs and, at the right, the facts about the one that is open.
func (m *root) tabsLine() string {
	compact := m.compact()
	line, width := " ", 1
	for i := range m.frame.Tabs() {
		text := m.tabText(i, compact)
		width += format.Width(text) + 1
		if i == m.frame.Open() {
			text = m.frame.Theme.ActiveTab.Render(text)
		}
		line += text + " "
	}
	facts := strings.Join(fitFacts(m.facts(), m.frame.Width-width-1), factGap)
	return line + format.Blank(m.frame.Width-width-format.Width(facts)-1) + facts
}

// facts returns those of the page on the screen, or else of the tab below it.
func (m *root) facts() []string {
	if facts := m.frame.Front().Facts(); len(facts) > 0 {
		return facts
	}
	return m.frame.Tab().Facts()
}

const (
	// compactTabs is the width below which only the open tab has its title.
	compactTabs = 72
	// leastFilter is how much of a filter has to stay for it to be worth
	// showing.
	leastFilter = 14
	factGap     = "   "
)

// compact reports whether only the open tab has its title: on a narrow screen, and
// if the facts need the room. It has to be seen that a filter hides something.
func (m *root) compact() bool {
	if m.frame.Width < compactTabs {
		return true
	}
	width := 2 + format.Width(strings.Join(m.facts(), factGap))
	for i := range m.frame.Tabs() {
		width += format.Width(m.tabText(i, false)) + 1
	}
	return width > m.frame.Width
}

// tabText marks the open tab by more than its style.
func (m *root) tabText(i int, compact bool) string {
	number, title := strconv.Itoa(i+1), m.frame.Tabs()[i].Title
	switch {
	case i == m.frame.Open():
		return "[" + number + " " + title + "]"
	case compact:
		return " " + number + " "
	}
	return " " + number + " " + title + " "
}

// tabAt returns the tab at column x.
func (m *root) tabAt(x int) (int, bool) {
	at, compact := 1, m.compact()
	for i := range m.frame.Tabs() {
		width := format.Width(m.tabText(i, compact)) + 1
		if at <= x && x < at+width {
			return i, true
		}
		at += width
	}
	return 0, false
}

// fitFacts leaves out what does not fit. A filter is cut first.
func fitFacts(facts []string, room int) []string {
	for len(facts) > 0 {
		over := format.Width(strings.Join(facts, factGap)) - room
		if over <= 0 {
			break
		}
		at := slices.IndexFunc(facts, func(f string) bool { return strings.HasPrefix(f, page.FilterLabel) })
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
