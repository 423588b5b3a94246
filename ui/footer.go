package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"

	"ctop/internal/format"
)

// hint is a key in the footer, said in one word.
type hint struct {
	key  key.Binding
	does string
}

// footerLines are what stands below the page.
func (m *Model) footerLines(l layout) []string {
	switch m.mode {
	case modeFilter:
		return m.filterLines(l.prompt > 0)
	case modeSort:
		lines := m.sortLines()
		return lines[:min(l.prompt+1, len(lines))]
	}
	return []string{m.footerLine()}
}

// footerLine says what can be done, or what was.
func (m *Model) footerLine() string {
	switch {
	case m.leaving.asked:
		return m.hintLine(m.leaveHints(), nil)
	case m.mode == modeColumns:
		k := m.keys
		return m.hintLine([]hint{{k.Mark, "show or hide"}, {k.Default, "as at first"}, {k.Enter, "done"}}, []hint{{k.Back, "drop"}})
	case m.mode == modeConfirm:
		return m.confirmLine()
	case m.status.text != "":
		return " " + m.status.style.Render(format.Cut(m.status.text, m.width-2))
	}
	return m.hintLine(m.allowed(m.hints()), m.lastHints())
}

func (m *Model) hints() []hint {
	k := m.keys
	switch {
	case m.mode == modeEdit:
		return []hint{{k.Enter, "set"}, {k.Back, "leave as it is"}}
	case m.mode == modeHelp:
		return []hint{{k.Up, "up"}, {k.Down, "down"}}
	case m.mode == modeDetail:
		return []hint{
			{k.Delete, "delete"},
			{k.Longer, "longer"},
			{k.Shorter, "shorter"},
			{k.Default, "default"},
			{k.Pin, "pin"},
			{k.Copy, "copy"},
			{k.Like, "filter like this"},
			{k.Rates, "rates"},
			{k.Pause, m.pauseWord()},
		}
	case m.view == viewEvents:
		return []hint{
			{k.Filter, "filter"},
			{k.Enter, "detail"},
			{k.Bottom, "follow"},
			{k.Copy, "copy"},
			{k.Pause, m.pauseWord()},
		}
	case m.view == viewTalkers:
		return []hint{
			{k.Group, "group by"},
			{k.Sort, "sort"},
			{k.Enter, "its flows"},
			{k.Filter, "filter"},
			{k.Reverse, "reverse"},
			{k.Rates, "rates"},
			{k.Pause, m.pauseWord()},
		}
	case m.view == viewOverview:
		return []hint{{k.Down, "scroll"}, {k.Talkers, "talkers"}, {k.Flows, "flows"}, {k.Pause, m.pauseWord()}}
	case m.view == viewTimeouts:
		return []hint{{k.Edit, "change"}, {k.DefaultTimeout, "default"}}
	}
	if len(m.trail) > 0 {
		return []hint{
			{k.Back, "back to " + m.cameFrom()},
			{k.Delete, "delete"},
			{k.DeleteAll, "delete all"},
			{k.Sort, "sort"},
			{k.Enter, "detail"},
			{k.Pause, m.pauseWord()},
		}
	}
	return []hint{
		{k.Filter, "filter"},
		{k.Sort, "sort"},
		{k.Delete, "delete"},
		{k.Timeouts, "timeouts"},
		{k.Mark, "mark"},
		{k.Enter, "detail"},
		{k.Pause, m.pauseWord()},
		{k.Rates, "rates"},
		{k.Copy, "copy"},
		{k.Like, "like this"},
		{k.Columns, "columns"},
		{k.Names, "names"},
	}
}

// cameFrom names the view that Esc leads back to.
func (m *Model) cameFrom() string {
	for _, t := range tabs {
		if t.view == m.trail[len(m.trail)-1].view {
			return strings.ToLower(t.title)
		}
	}
	return ""
}

func (m *Model) pauseWord() string {
	if m.paused {
		return "go on"
	}
	return "pause"
}

// lastHints stand at the right end.
func (m *Model) lastHints() []hint {
	k := m.keys
	switch m.mode {
	case modeEdit:
		return nil
	case modeHelp, modeDetail:
		return []hint{{k.Back, "back"}}
	}
	if m.view == viewFlows && len(m.trail) > 0 {
		return []hint{{k.Help, "help"}, {k.Quit, "back"}}
	}
	return []hint{{k.Help, "help"}, {k.Quit, "quit"}}
}

// shortNames are the keys that the help page spells with more than the footer
// has room for.
func shortName(b key.Binding) string {
	name, _, _ := strings.Cut(b.Help().Key, " ")
	if name == "5" {
		return "t"
	}
	return name
}

// hintLine shows as many hints as fit. Those at the right end come first.
func (m *Model) hintLine(hints, last []hint) string {
	right, rightWidth := "", 0
	for _, h := range last {
		text, width := m.hintText(h)
		if rightWidth+width+3 <= m.width {
			right += "   " + text
			rightWidth += width + 3
		}
	}
	line, width, gap := " ", 1, 0
	for _, h := range hints {
		text, w := m.hintText(h)
		if width+gap+w+rightWidth+1 > m.width {
			break
		}
		line += format.Blank(gap) + text
		width += gap + w
		gap = 3
	}
	return line + format.Blank(m.width-width-rightWidth-1) + right
}

func (m *Model) hintText(h hint) (text string, width int) {
	name := shortName(h.key)
	return m.theme.Key.Render(name) + " " + h.does, format.Width(name) + 1 + format.Width(h.does)
}

// sortLines lists what to sort by, on as many lines as that takes.
func (m *Model) sortLines() []string {
	var hints []hint
	for _, s := range sortKeys {
		hints = append(hints, hint{bind(s.letter, "", s.letter), s.name})
	}
	k := m.keys
	hints = append(hints, hint{bind("← →", ""), "choose"}, hint{k.Reverse, "reverse"}, hint{k.DefaultSort, "as at first"}, hint{k.Enter, "done"})
	const indent = " sort by"
	lines, width := []string{indent}, len(indent)
	for _, h := range hints {
		text, w := m.sortHint(h)
		if width+2+w > m.width && width > len(indent) {
			lines, width = append(lines, format.Blank(len(indent))), len(indent)
		}
		lines[len(lines)-1] += "  " + text
		width += 2 + w
	}
	return lines
}

// sortHint is a key with its whole name.
func (m *Model) sortHint(h hint) (text string, width int) {
	name := h.key.Help().Key
	return m.theme.Key.Render(name) + " " + h.does, format.Width(name) + 1 + format.Width(h.does)
}

// confirmLine repeats the answers, for screens too small for the question.
func (m *Model) confirmLine() string {
	q := m.question.Question()
	if q.Type != "" {
		return " " + m.theme.Key.Render("⏎") + " when " + q.Type + " is typed   " + m.theme.Key.Render("Esc") + " " + q.Keep
	}
	return " " + m.theme.Key.Render("y") + " " + q.Verb + "   " + m.theme.Key.Render("n") + " " + q.Keep
}
