package timeouts

import (
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/theme"
)

// Widths of the columns.
const (
	nameWidth  = 18
	valueWidth = 10
	flowsWidth = 9
	// A screen narrower than this has no room for all of that.
	narrow      = 44
	narrowWidth = 9
)

var meanings = [len(flow.Timeouts{})]string{
	flow.TCPSynSent:        "opened, not answered yet",
	flow.TCPSynRecv:        "answered, not acknowledged",
	flow.TCPEstablished:    "handshake complete",
	flow.TCPFinWait:        "one side has closed",
	flow.TCPLastAck:        "both closed, ACK missing",
	flow.TCPTimeWait:       "closed, waiting it out",
	flow.TCPUnacknowledged: "no answer, ACK or window",
	flow.UDPUnidirectional: "never answered",
	flow.UDPBidirectional:  "answered",
	flow.ICMP:              "request and answer",
	flow.Other:             "every other protocol",
}

// Lines draws the page.
func (m *Model) Lines() []string {
	if !m.loaded {
		return nil
	}
	var lines []string
	if m.titled() {
		lines = append(lines, m.theme.Head.Render(m.columns("TIMEOUT", "VALUE", "FLOWS", "DEFAULT", "APPLIES TO A FLOW")))
	}
	first, end := m.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, m.row(flow.TimeoutName(i)))
	}
	if m.titled() {
		lines = append(lines, "", "  "+m.note())
	}
	return lines
}

func (m *Model) columns(name, value, flows, standard, meaning string) string {
	if m.width < narrow {
		return "  " + format.Left(name, nameWidth) + format.Right(value, narrowWidth) + " " + format.Right(flows, narrowWidth)
	}
	return "  " + format.Left(name, nameWidth) + " " + format.Right(value, valueWidth) + " " +
		format.Right(flows, flowsWidth) + " " + format.Right(standard, valueWidth) + "  " + meaning
}

func (m *Model) row(n flow.TimeoutName) string {
	text := m.columns(n.String(), m.valueText(n), format.Count(m.counts[n]), standard(m.values, n), meanings[n])
	if int(n) != m.window.Cursor {
		return text
	}
	text = "▌" + text[1:]
	if m.editing {
		return m.theme.Title.Render(text)
	}
	return m.theme.Cursor.Render(format.Left(text, m.width))
}

func (m *Model) valueText(n flow.TimeoutName) string {
	if m.editing && int(n) == m.window.Cursor {
		return m.input.View(m.valueWidth())
	}
	return format.Timeout(m.values[n])
}

func (m *Model) valueWidth() int {
	if m.width < narrow {
		return narrowWidth
	}
	return valueWidth
}

// standard is the default, where the value is another.
func standard(values flow.Timeouts, n flow.TimeoutName) string {
	if d := flow.DefaultTimeouts()[n]; d != values[n] {
		return format.Timeout(d)
	}
	return ""
}

// note says what the value being edited would do, or what is wrong with it.
func (m *Model) note() string {
	_, value := m.Selected()
	switch {
	case m.problem != "":
		return m.theme.Alert.Render(format.Clean(m.problem))
	case !m.editing:
		return ""
	case m.preview < 0:
		return "now " + format.Timeout(value) + "; type a duration like 30s, 5m, 2h or 5d"
	}
	typed, _ := m.Value()
	return m.previewStyle().Render(format.Timeout(value) + " → " + format.Timeout(typed) + " touches " +
		format.Plural(m.touched, "flow") + ", ends " + format.Count(m.preview) + " now")
}

func (m *Model) previewStyle() theme.Style {
	if m.preview > 0 {
		return m.theme.Warning
	}
	return theme.Style{}
}
