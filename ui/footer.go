package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"

	"ctop/ui/format"
)

// hint is a key in the footer, said in one word.
type hint struct {
	key  key.Binding
	does string
}

// footerLine says what can be done, or what was.
func (m *Model) footerLine() string {
	switch {
	case m.mode == modeFilter:
		return m.filterLine()
	case m.mode == modeSort:
		return m.sortLine()
	case m.mode == modeConfirm:
		return m.confirmLine()
	case m.status.text != "":
		return " " + m.status.style.Render(format.Cut(m.status.text, m.width-2))
	}
	return m.hintLine(m.hints(), m.lastHints())
}

func (m *Model) hints() []hint {
	k := m.keys
	switch {
	case m.mode == modeEdit:
		return []hint{{k.Enter, "set"}, {k.Back, "leave as it is"}}
	case m.mode == modeHelp:
		return []hint{{k.Up, "up"}, {k.Down, "down"}}
	case m.mode == modeDetail:
		return []hint{{k.Delete, "delete"}, {k.Longer, "longer"}, {k.Shorter, "shorter"},
			{k.Default, "default"}, {k.Copy, "copy"}, {k.Rates, "rates"}, {k.Pause, m.pauseWord()}}
	case m.view == viewEvents:
		return []hint{{k.Filter, "filter"}, {k.Enter, "detail"}, {k.Bottom, "follow"},
			{k.Copy, "copy"}, {k.Pause, m.pauseWord()}}
	case m.view == viewTimeouts:
		return []hint{{k.Edit, "change"}}
	}
	return []hint{{k.Filter, "filter"}, {k.Sort, "sort"}, {k.Delete, "delete"}, {k.Timeouts, "timeouts"},
		{k.Mark, "mark"}, {k.Enter, "detail"}, {k.Pause, m.pauseWord()}, {k.Rates, "rates"}, {k.Copy, "copy"}}
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
	line, width := " ", 1
	for _, h := range hints {
		text, w := m.hintText(h)
		if width+w+rightWidth+1 > m.width {
			break
		}
		line += text + "   "
		width += w + 3
	}
	return line + format.Blank(m.width-width-rightWidth-1) + right
}

func (m *Model) hintText(h hint) (text string, width int) {
	name := shortName(h.key)
	return m.theme.Key.Render(name) + " " + h.does, format.Width(name) + 1 + format.Width(h.does)
}

// filterLine is where the filter is typed.
func (m *Model) filterLine() string {
	prefix := " " + m.theme.Key.Render("/") + " "
	if m.filterError != "" {
		text := m.input.View(m.width / 3)
		room := m.width - format.Width(text) - 6
		return prefix + text + "  " + m.theme.Alert.Render(format.Cut(format.Clean(m.filterError), room))
	}
	hints := "⏎ keep   Esc drop"
	room := m.width - 3 - format.Width(hints) - 3
	if room < 12 {
		return prefix + m.input.View(m.width-4)
	}
	return prefix + format.Left(m.input.View(room), room) + "  " + hints
}

// sortLine lists what to sort by.
func (m *Model) sortLine() string {
	line, width := " sort by", 8
	end := "   ← → choose   S reverse   ⏎ done"
	for _, s := range sortKeys {
		w := 2 + format.Width(s.name) + 2
		if width+w > m.width {
			break
		}
		line += "  " + m.theme.Key.Render(s.letter) + " " + s.name
		width += w
	}
	if width+format.Width(end) <= m.width {
		line += end
	}
	return line
}

// confirmLine repeats the answers, for screens too small for the question.
func (m *Model) confirmLine() string {
	q := m.question.Question()
	if q.Type != "" {
		return " " + m.theme.Key.Render("⏎") + " when " + q.Type + " is typed   " + m.theme.Key.Render("Esc") + " " + q.Keep
	}
	return " " + m.theme.Key.Render("y") + " " + q.Verb + "   " + m.theme.Key.Render("n") + " " + q.Keep
}
