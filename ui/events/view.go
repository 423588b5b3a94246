package events

import (
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/address"
	"ctop/ui/theme"
)

// Widths of the columns, and of the screen from which on there is room for
// more of them.
const (
	typeWidth      = 7
	stateWidth     = 11
	directionWidth = 6
	typed          = 72
	fineTime       = 100
	everything     = 120
)

// Lines draws the log.
func (m *Model) Lines() []string {
	var lines []string
	if m.titled() {
		lines = append(lines, m.theme.Head.Render(format.Cut(m.titles(), m.width)))
	}
	first, end := m.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, m.row(&m.log[m.shown[i]], i == m.window.Cursor))
	}
	return lines
}

// Narrow reports whether there is not room for every tuple, and how wide one
// can be.
func (m *Model) Narrow() (narrow bool, widest int) {
	return m.widest > m.room(), m.widest
}

func (m *Model) titles() string {
	text := "  " + format.Left("TIME", m.timeWidth()) + "  "
	if m.width >= typed {
		text += format.Left("EVENT", typeWidth) + "  "
	}
	if m.width < everything {
		return text + format.Left("TO", stateWidth) + "  FLOW"
	}
	return text + format.Left("FROM", stateWidth) + "  " + format.Left("TO", stateWidth) + "  " +
		format.Left("BY", directionWidth) + "  FLOW"
}

func (m *Model) row(e *entry, selected bool) string {
	text := "  " + m.facts(e)
	style := m.style(e)
	if !selected {
		return style.Render(format.Cut(text, m.width))
	}
	return m.theme.Cursor.On(style).Render(format.Left("▌"+text[1:], m.width))
}

func (m *Model) facts(line *entry) string {
	e := &line.Event
	if line.notice != "" {
		return format.Left(m.timeText(e), m.timeWidth()) + "  " + line.notice
	}
	if e.Type == flow.EventLost {
		return format.Left(m.timeText(e), m.timeWidth()) + "  lost " + format.Plural(int(e.Lost), "event")
	}
	text := m.timeText(e) + mark(e)
	if m.width >= typed {
		text += format.Left(e.Type.String(), typeWidth) + "  "
	}
	if m.width >= everything {
		text += format.Left(stateText(e.From), stateWidth) + "  "
	}
	text += format.Left(outcome(e), stateWidth) + "  "
	if m.width >= everything {
		text += format.Left(causedBy(e), directionWidth) + "  "
	}
	tuple := m.tuple(e)
	return text + tuple + m.rest(e, m.room()-format.Width(tuple))
}

// mark tells an event that was lost and is known by the table, about that time.
func mark(e *flow.Event) string {
	if e.Recovered {
		return "~ "
	}
	return "  "
}

// outcome is the state that a flow came to, or why it ended.
func outcome(e *flow.Event) string {
	if e.Type == flow.EventDestroy && e.Recovered {
		return "ended"
	}
	if e.Type == flow.EventDestroy {
		return e.Reason.String()
	}
	return stateText(e.To)
}

func stateText(s flow.State) string {
	if s == flow.StateNone {
		return ""
	}
	return s.String()
}

func flowText(e *flow.Event) string {
	return format.Clean(e.Tuple.String())
}

// tuple is the tuple, the ends shortened where there is not room for both.
func (m *Model) tuple(e *flow.Event) string {
	text := flowText(e)
	if format.Width(text) <= m.room() {
		return text
	}
	proto := e.Tuple.Proto.String() + " "
	if m.width < typed {
		proto = ""
	}
	half := (m.room() - len(proto) - len(" > ")) / 2
	return proto + address.Shorten(format.Clean(e.Tuple.Source()), half) + " → " +
		address.Shorten(format.Clean(e.Tuple.Destination()), half)
}

// causedBy is the direction of the packet that caused an event, where one is known
// to have done so.
func causedBy(e *flow.Event) string {
	if e.Recovered {
		return ""
	}
	switch e.Reason {
	case flow.ReasonExpired, flow.ReasonDeleted, flow.ReasonEvicted:
		return ""
	}
	return e.Direction.String()
}

// rest is what a wide screen tells of a flow that has ended, and of an event that
// was recovered.
func (m *Model) rest(e *flow.Event, room int) string {
	text := ""
	switch {
	case e.Recovered:
		text = "  recovered"
	case e.Type == flow.EventDestroy:
		text = "  after " + format.Lasted(e.Age) + ", " + format.TotalBytes(e.Origin.Bytes+e.Reply.Bytes)
	}
	if room < len(text) {
		return ""
	}
	return text
}

func (m *Model) style(e *entry) theme.Style {
	switch {
	case e.notice != "":
		return m.theme.Notice
	case e.Type == flow.EventLost:
		return m.theme.Alert
	case e.Type == flow.EventDestroy:
		return m.theme.Dim
	case e.To.Opening():
		return m.theme.Opening
	case e.To.Closing():
		return m.theme.Closing
	}
	return theme.Style{}
}

func (m *Model) timeText(e *flow.Event) string {
	if m.width >= fineTime {
		return e.Time.Format("15:04:05.000")
	}
	return e.Time.Format("15:04:05")
}

func (m *Model) timeWidth() int {
	if m.width >= fineTime {
		return len("15:04:05.000")
	}
	return len("15:04:05")
}

// room is what is left for the tuple.
func (m *Model) room() int {
	return m.width - format.Width(m.titles()) + len("FLOW")
}
