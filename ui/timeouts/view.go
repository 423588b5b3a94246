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
	// A screen narrower than this shows only three columns.
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
func (p *Page) Lines() []string {
	if !p.loaded {
		return nil
	}
	var lines []string
	if p.titled() {
		lines = append(lines, p.frame.Theme.Head.Render(p.columns("TIMEOUT", "VALUE", "FLOWS", "DEFAULT", "APPLIES TO A FLOW")))
	}
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, p.row(flow.TimeoutName(i)))
	}
	if p.titled() {
		lines = append(lines, "", "  "+p.note())
	}
	return lines
}

func (p *Page) columns(name, value, flows, standard, meaning string) string {
	if p.width < narrow {
		return "  " + format.Left(name, nameWidth) + format.Right(value, narrowWidth) + " " + format.Right(flows, narrowWidth)
	}
	return "  " + format.Left(name, nameWidth) + " " + format.Right(value, valueWidth) + " " +
		format.Right(flows, flowsWidth) + " " + format.Right(standard, valueWidth) + "  " + meaning
}

func (p *Page) row(n flow.TimeoutName) string {
	text := p.columns(n.String(), p.valueText(n), format.Count(p.counts[n]), defaultText(p.values, n), meanings[n])
	if int(n) != p.window.Cursor {
		return text
	}
	text = "▌" + text[1:]
	if p.editing != nil {
		return p.frame.Theme.Title.Render(text)
	}
	return p.frame.Theme.Cursor.Render(format.Left(text, p.width))
}

func (p *Page) valueText(n flow.TimeoutName) string {
	if p.editing != nil && int(n) == p.window.Cursor {
		return p.editing.input.View(p.valueWidth())
	}
	return format.Timeout(p.values[n])
}

func (p *Page) valueWidth() int {
	if p.width < narrow {
		return narrowWidth
	}
	return valueWidth
}

// defaultText returns the default if the value differs from it.
func defaultText(values flow.Timeouts, n flow.TimeoutName) string {
	if d := flow.DefaultTimeouts()[n]; d != values[n] {
		return format.Timeout(d)
	}
	return ""
}

// note returns the effect of the edited value, or its error.
func (p *Page) note() string {
	_, value := p.selected()
	e := p.editing
	switch {
	case e == nil:
		return ""
	case e.problem != "":
		return p.frame.Theme.Alert.Render(format.Clean(e.problem))
	case e.ends < 0:
		return "now " + format.Timeout(value) + "; type a duration like 30s, 5m, 2h or 5d"
	}
	typed, _ := e.value()
	return p.effectStyle().Render(format.Timeout(value) + " → " + format.Timeout(typed) + " touches " +
		format.Plural(e.touches, "flow") + ", ends " + format.Count(e.ends) + " now")
}

func (p *Page) effectStyle() theme.Style {
	if p.editing.ends > 0 {
		return p.frame.Theme.Warning
	}
	return theme.Style{}
}
