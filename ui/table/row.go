package table

import (
	"strings"
	"time"

	"ctop/tracker"
	"ctop/ui/format"
	"ctop/ui/theme"
)

// Signs in the gutter.
const (
	cursorSign = "▌"
	markSign   = "●"
)

// lastTenth is the share of its timeout below which a flow is about to expire.
const lastTenth = 0.1

// line is a row being put together. A part of it may stand out from the rest.
type line struct {
	text     strings.Builder
	width    int
	from, to int
}

// add appends cells up to column x and then a text. A text that is longer than
// its column may take the next one's blank cells.
func (l *line) add(x int, text string) {
	l.text.WriteString(format.Blank(x - l.width))
	l.text.WriteString(text)
	l.width = max(l.width, x) + format.Width(text)
}

// addApart is add for the part that stands out.
func (l *line) addApart(x int, text string) {
	l.add(x, "")
	if l.to == 0 {
		l.from = l.text.Len()
	}
	l.add(x, text)
	l.to = l.text.Len()
}

// render styles the line.
func (l *line) render(base, apart theme.Style) string {
	text := l.text.String()
	if l.to == 0 {
		return base.Render(text)
	}
	return base.Render(text[:l.from]) + apart.Render(text[l.from:l.to]) + base.Render(text[l.to:])
}

// row formats one flow.
func (m *Model) row(f *tracker.Flow, source, destination string, selected bool) string {
	var l line
	reason, ended := m.ended[f.ID]
	share := m.share(f)
	l.add(0, m.gutter(f, selected))
	for _, p := range m.places {
		switch {
		case p.id == origin:
			l.add(p.x, source)
		case p.id == reply:
			l.add(p.x, destination)
		case p.id == ttl && ended:
			l.addApart(p.x, reason.String())
		case p.id == bar && ended:
		case p.id == ttl && share < lastTenth:
			text := m.text(f, p)
			l.addApart(p.start(text), text)
		default:
			text := m.text(f, p)
			l.add(p.start(text), text)
		}
	}
	base, apart := m.styles(f, ended)
	if selected {
		l.add(m.width, "")
		base, apart = m.theme.Cursor.On(base), m.theme.Cursor
	}
	return l.render(base, apart)
}

func (m *Model) gutter(f *tracker.Flow, selected bool) string {
	text := " "
	if selected {
		text = cursorSign
	}
	if _, ok := m.marked[f.ID]; ok {
		return text + markSign
	}
	return text
}

// styles returns the style of a row and of its part that stands out.
func (m *Model) styles(f *tracker.Flow, ended bool) (base, apart theme.Style) {
	switch {
	case ended:
		return m.theme.Ended, theme.Style{}
	case f.State.Opening():
		return m.theme.Opening, m.theme.Warning
	case f.State.Closing():
		return m.theme.Closing, m.theme.Warning
	}
	return theme.Style{}, m.theme.Warning
}

// share is how much is left of the flow's timeout.
func (m *Model) share(f *tracker.Flow) float64 {
	if f.Timeout <= 0 {
		return 0
	}
	return float64(f.TTL(m.since)) / float64(f.Timeout)
}

// start is where a text begins in its column.
func (p place) start(text string) int {
	if columns[p.id].right {
		return p.x + max(p.width-format.Width(text), 0)
	}
	return p.x
}

func (m *Model) text(f *tracker.Flow, p place) string {
	switch p.id {
	case proto:
		return protoText(f)
	case arrow:
		return "→"
	case state:
		return f.State.String()
	case ttl:
		return format.Countdown(f.TTL(m.since))
	case bar:
		return format.Bar(m.share(f), p.width)
	case age:
		return format.Age(f.Age + m.since)
	case total:
		return format.Total(f.Bytes())
	case rate:
		return format.Rate(m.unit.Of(f.Origin) + m.unit.Of(f.Reply))
	case idle:
		return format.Age(f.Idle + m.since)
	case rtt:
		return rttText(f.Origin.RTT + f.Reply.RTT)
	case retrans:
		return retransText(f)
	case iface:
		return format.Cut(m.interfaceName(f), p.width)
	case id:
		return f.ID.String()
	}
	return m.halfText(f, p.id)
}

func rttText(d time.Duration) string {
	if d == 0 {
		return format.Unseen
	}
	return format.Short(d)
}

func retransText(f *tracker.Flow) string {
	if f.Tuple.Proto != tracker.ProtocolTCP {
		return format.Unseen
	}
	return format.Total(uint64(f.Origin.Retransmits) + uint64(f.Reply.Retransmits))
}

func (m *Model) interfaceName(f *tracker.Flow) string {
	if m.snapshot == nil || int(f.In) >= len(m.snapshot.Interfaces) {
		return "?"
	}
	return format.Clean(m.snapshot.Interfaces[f.In].Name)
}

// halfText is the text of a column about one direction.
func (m *Model) halfText(f *tracker.Flow, id columnID) string {
	h := f.Origin
	if id == in || id == inPackets || id == inBytes {
		h = f.Reply
	}
	if !h.Seen() {
		return format.Unseen
	}
	switch id {
	case out, in:
		return format.Rate(m.unit.Of(h))
	case outPackets, inPackets:
		return format.Total(h.Packets)
	}
	return format.Total(h.Bytes)
}
