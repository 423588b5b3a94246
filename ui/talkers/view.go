package talkers

import (
	"strings"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/address"
)

// portful is a protocol whose ports have names.
const portful = flow.ProtocolTCP

// columnID names a column.
type columnID uint8

// The columns from left to right.
const (
	name columnID = iota
	flows
	packets
	bytes
	out
	in
	rate
	percent
	bar
	numColumns
)

type column struct {
	title string
	width int
	by    order.GroupSort
	sorts bool
}

var columns = [numColumns]column{
	name:    {"", 0, order.GroupName, true},
	flows:   {"FLOWS", 10, order.GroupFlows, true},
	packets: {"PACKETS", 9, order.GroupPackets, true},
	bytes:   {"BYTES", 9, order.GroupBytes, true},
	out:     {"OUT", 7, order.GroupOut, true},
	in:      {"IN", 7, order.GroupIn, true},
	rate:    {"RATE", 7, order.GroupRate, true},
	percent: {"SHARE", 5, 0, false},
	bar:     {"", 10, 0, false},
}

// givingWay lists the columns in the order in which they are given up.
var givingWay = [...]columnID{packets, bar, bytes, percent, out, in, rate, flows}

const (
	gutter    = 2
	leastName = 18 // 255.255.255.255/24
	mostName  = 48
)

// place is a column where it stands on the line.
type place struct {
	id       columnID
	x, width int
}

// arrange says which columns a line of the given width holds, and where.
func arrange(width, wanted int) []place {
	shown := [numColumns]bool{}
	for id := range shown {
		shown[id] = true
	}
	wanted = min(max(wanted, leastName), mostName)
	for _, id := range givingWay {
		if lineWidth(shown, wanted) <= width {
			break
		}
		shown[id] = false
	}
	rest := max(width-lineWidth(shown, 0), 0)
	nameWidth := min(wanted, rest)
	gap := 1
	if lineWidth(shown, nameWidth)+int(numColumns) <= width {
		gap = 2
	}
	return stand(shown, nameWidth, gap, width)
}

func stand(shown [numColumns]bool, nameWidth, gap, width int) (places []place) {
	x := gutter
	for id, ok := range shown {
		if !ok {
			continue
		}
		w := columns[id].width
		switch columnID(id) {
		case name:
			w = nameWidth
		case bar: // it takes what is left
			w = max(min(width-x-1, 40), w)
		}
		places = append(places, place{columnID(id), x, w})
		x += w + gap
	}
	return places
}

func lineWidth(shown [numColumns]bool, nameWidth int) int {
	sum := gutter + nameWidth
	for id, ok := range shown {
		if ok && columnID(id) != name {
			sum += 1 + columns[id].width
		}
	}
	return sum
}

// Lines draws the page.
func (m *Model) Lines() []string {
	var lines []string
	if m.titled() {
		lines = append(lines, m.titles())
	}
	first, end := m.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, m.row(&m.groups.Top[i], i == m.window.Cursor))
	}
	return lines
}

// title is a column's title, with the direction of the order where it sorts.
func (m *Model) title(id columnID) string {
	c := columns[id]
	text := c.title
	if id == name {
		text = strings.ToUpper(m.groups.Grouping.String())
	}
	if !c.sorts || c.by != m.groups.By.Sort {
		return text
	}
	if m.groups.By.Desc {
		return text + " ▼"
	}
	return text + " ▲"
}

func (m *Model) titles() string {
	line, width := "", 0
	for _, p := range m.places {
		text := aligned(p, m.title(p.id))
		style := m.theme.Head
		if columns[p.id].sorts && columns[p.id].by == m.groups.By.Sort {
			style = m.theme.Sorted
		}
		body := strings.TrimRight(text, " ")
		lead := len(body) - len(strings.TrimLeft(body, " "))
		line += format.Blank(p.x-width) + body[:lead] + style.Render(body[lead:])
		width = p.x + format.Width(body)
	}
	return line
}

func aligned(p place, text string) string {
	if p.id == name || p.id == bar {
		return format.Left(text, p.width)
	}
	return format.Right(text, p.width)
}

func (m *Model) row(g *order.Group, selected bool) string {
	line := " "
	if selected {
		line = "▌"
	}
	for _, p := range m.places {
		line += format.Blank(p.x-format.Width(line)) + aligned(p, m.text(g, p))
	}
	if selected {
		return m.theme.Cursor.Render(format.Left(line, m.width))
	}
	return line
}

func (m *Model) text(g *order.Group, p place) string {
	switch p.id {
	case name:
		return address.Shorten(m.name(g), p.width)
	case flows:
		return format.Count(g.Flows)
	case packets:
		return format.Total(g.Origin.Packets + g.Reply.Packets)
	case bytes:
		return format.Total(g.Origin.Bytes + g.Reply.Bytes)
	case out:
		return m.rate(g.Origin)
	case in:
		return m.rate(g.Reply)
	case rate:
		return format.Rate(m.unit.Of(g.Origin) + m.unit.Of(g.Reply))
	case percent:
		return share(m.share(g))
	}
	return format.Bar(m.share(g), p.width)
}

func (m *Model) rate(h flow.Half) string {
	if !h.Seen() {
		return format.Unseen
	}
	return format.Rate(m.unit.Of(h))
}

// share is the group's part of all that is sorted by.
func (m *Model) share(g *order.Group) float64 {
	all := m.groups.By.Value(&m.groups.Sum)
	if all <= 0 {
		return 0
	}
	return m.groups.By.Value(g) / all
}

// share says a share in percent, as [format.Percent] does.
func share(s float64) string {
	return format.Percent(int(s*1e6), 1e6)
}
