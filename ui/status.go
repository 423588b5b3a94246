package ui

import (
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/address"
	"ctop/ui/table"
	"ctop/ui/theme"
)

// shownFor is how long a message stays in the footer unless a key is pressed.
const shownFor = 6 * time.Second

// status is a message in the footer.
type status struct {
	text  string
	style theme.Style
	until time.Time
}

// expire removes a message that has been there for long enough.
func (s *status) expire(now time.Time) {
	if now.After(s.until) {
		*s = status{}
	}
}

// tell says what was done.
func (m *Model) tell(text string) { m.say(text, m.theme.Notice) }

// warn says what could not be done.
func (m *Model) warn(text string) { m.say(text, m.theme.Alert) }

func (m *Model) say(text string, style theme.Style) {
	m.status = status{text: format.Clean(text), style: style, until: m.now.Add(shownFor)}
}

// handleDone says what became of something and looks what it changed.
func (m *Model) handleDone(msg doneMsg) tea.Cmd {
	if msg.err != nil {
		m.warn(msg.err.Error())
	} else {
		m.tell(msg.text + m.unseen(msg))
	}
	m.takeGiven(msg)
	if msg.deleted != nil && msg.err == nil {
		m.expect(msg.deleted, msg.text)
		m.deleted.told += m.unseen(msg)
	}
	// Operators who share a tracker are told of each other's acts, and of
	// their own.
	if m.options.company == nil {
		m.note(msg.noted)
	}
	return m.refresh()
}

// unseen says that the screen does not show what was done to flows while it is
// paused.
func (m *Model) unseen(msg doneMsg) string {
	if m.paused && (msg.deleted != nil || msg.given.id != 0) {
		return "; paused: p shows it"
	}
	return ""
}

// export writes what is shown to a file, or says what would elsewhere.
func (m *Model) export() tea.Cmd {
	if m.options.export == nil {
		m.tell("export: " + m.options.exportElsewhere(m.filter.String()))
		return nil
	}
	if m.shown == nil {
		return nil
	}
	write, s, rows := m.options.export, m.shown, m.exported()
	return func() tea.Msg {
		where, err := write(s, rows)
		return doneMsg{text: "wrote " + format.Plural(len(rows), "flow") + " to " + where, err: err}
	}
}

// exported are the flows that are shown. Those that ended a moment ago are still
// there to be seen, and belong to a file only where the filter asks for them.
func (m *Model) exported() []*flow.Flow {
	rows := m.flows.Rows()
	if m.filter.WantsEnded() {
		return rows
	}
	ended := m.endedReasons()
	return slices.DeleteFunc(slices.Clone(rows), func(f *flow.Flow) bool {
		_, gone := ended[f.ID]
		return gone
	})
}

// aside draws what the list has no room for of the selected flow: its tuple, on
// one line or on two where it is longer than that, and its state and rates.
func (m *Model) aside(lines int) []string {
	tuple, terse := m.asideLines()
	var text []string
	switch {
	case lines == 0:
		return nil
	case tuple > 0:
		text = m.wholeTuple(min(tuple, lines))
	}
	if terse {
		text = append(text, " "+m.flows.Facts())
	}
	for len(text) < lines {
		text = append(text, "")
	}
	return text[:lines]
}

// wholeTuple is the selected tuple. Where the screen is too narrow for an end it
// is shortened in the middle: neither its network nor its port goes.
func (m *Model) wholeTuple(lines int) []string {
	text := m.selectedTuple()
	if format.Width(text) < m.width {
		return []string{" " + text}
	}
	ends, second, _ := strings.Cut(text, " → ")
	proto, first, _ := strings.Cut(ends, " ")
	proto = " " + proto + " "
	if lines > 1 {
		room := m.width - len(proto)
		return []string{
			proto + address.Ends(first, room-len(" -")) + " →",
			format.Blank(len(proto)) + address.Ends(second, room),
		}
	}
	room := m.width - len(proto) - len(" - ")
	half := max(room/2, room-format.Width(second))
	first = address.Ends(first, half)
	return []string{proto + first + " → " + address.Ends(second, room-format.Width(first))}
}

func (m *Model) selectedTuple() string {
	if m.view == viewEvents {
		if e := m.log.Selected(); e != nil {
			return format.Clean(e.Tuple.String())
		}
		return ""
	}
	if f := m.flows.Selected(); f != nil {
		return table.TupleText(f)
	}
	return ""
}
