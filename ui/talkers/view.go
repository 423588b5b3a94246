package talkers

import (
	"slices"
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
	over
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
	out:     {"→", 7, order.GroupOut, true},
	in:      {"←", 7, order.GroupIn, true},
	rate:    {"⇄", 7, order.GroupRate, true},
	over:    {"≤ +", 7, 0, false},
	percent: {"SHARE", 5, 0, false},
	bar:     {"", 10, 0, false},
}

// givingWay lists the columns in the order in which they are dropped if they do not
// fit.
var givingWay = [...]columnID{packets, bar, bytes, percent, out, in, over, rate, flows}

// between stands between the two hosts of a pair.
const between = " ⇄ "

const (
	gutter    = 2
	leastName = 18 // 255.255.255.255/24
	mostName  = 48
)

// place is the position of a column on the line.
type place struct {
	id       columnID
	x, width int
}

// arrange returns the columns that fit on a line of the given width, with their
// positions.
// fleet is set if groups are those of many hosts, with the column of bounds.
func arrange(width, wanted int, fleet bool) []place {
	shown := [numColumns]bool{}
	for id := range shown {
		shown[id] = columnID(id) != over || fleet
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
	gap, gaps := 1, int(numColumns)
	if !fleet {
		gaps--
	}
	if lineWidth(shown, nameWidth)+gaps <= width {
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
		case bar: // takes the rest
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

// Lines draws the groups, or the reason why there are none.
func (p *Page) Lines() []string {
	var lines []string
	if p.titled() {
		lines = append(lines, p.titles())
	}
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		lines = append(lines, p.row(&p.groups.Top[i], i == p.window.Cursor))
	}
	if len(p.groups.Top) == 0 {
		lines = append(lines, p.frame.Empty(p.emptiness())...)
	}
	return lines
}

func (p *Page) emptiness() string {
	switch {
	case p.frame.Shown == nil || p.loaded:
		return p.frame.Emptiness()
	case p.options.Fleet != nil:
		return "asking " + format.Plural(p.frame.HostsHere, "host")
	}
	return "counting"
}

// title returns a column's title. The sorted column's includes the direction.
func (p *Page) title(id columnID) string {
	c := columns[id]
	text := c.title
	if id == name {
		text = strings.ToUpper(p.groups.Grouping.String())
	}
	if id == out || id == in || id == rate {
		text += " " + p.frame.Unit.Short()
	}
	if !c.sorts || c.by != p.groups.By.Sort {
		return text
	}
	if p.groups.By.Desc {
		return text + " ▼"
	}
	return text + " ▲"
}

func (p *Page) titles() string {
	line, width := "", 0
	for _, at := range p.places {
		text := aligned(at, p.title(at.id))
		style := p.frame.Theme.Head
		if columns[at.id].sorts && columns[at.id].by == p.groups.By.Sort {
			style = p.frame.Theme.Sorted
		}
		body := strings.TrimRight(text, " ")
		lead := len(body) - len(strings.TrimLeft(body, " "))
		line += format.Blank(at.x-width) + body[:lead] + style.Render(body[lead:])
		width = at.x + format.Width(body)
	}
	return line
}

func aligned(at place, text string) string {
	if at.id == name || at.id == bar {
		return format.Left(text, at.width)
	}
	return format.Right(text, at.width)
}

func (p *Page) row(g *order.Group, selected bool) string {
	line := " "
	if selected {
		line = "▌"
	}
	if p.open(g) {
		line += "+"
	}
	for _, at := range p.places {
		line += format.Blank(at.x-format.Width(line)) + aligned(at, p.text(g, at))
	}
	if selected {
		return p.frame.Theme.Cursor.Render(format.Left(line, p.width))
	}
	return line
}

// open reports whether a group may have more, and there is no room to say how much.
func (p *Page) open(g *order.Group) bool {
	_, open := p.groups.Over[g.Key]
	return open && !slices.ContainsFunc(p.places, func(at place) bool { return at.id == over })
}

func (p *Page) text(g *order.Group, at place) string {
	switch at.id {
	case name:
		return fitName(p.name(g), at.width)
	case flows:
		return format.Count(g.Flows)
	case packets:
		return format.Total(g.Origin.Packets + g.Reply.Packets)
	case bytes:
		return format.Total(g.Origin.Bytes + g.Reply.Bytes)
	case out:
		return p.rate(g.Origin)
	case in:
		return p.rate(g.Reply)
	case rate:
		return format.Rate(p.frame.Unit.Of(g.Origin) + p.frame.Unit.Of(g.Reply))
	case over:
		if most, open := p.groups.Over[g.Key]; open {
			return p.amount(most.Of(p.groups.By))
		}
		return ""
	case percent:
		return share(p.share(g))
	}
	return format.Bar(p.share(g), at.width)
}

// amount formats a number of the column by which groups are sorted.
func (p *Page) amount(n float64) string {
	switch by := p.groups.By; by.Sort {
	case order.GroupOut, order.GroupIn, order.GroupRate:
		if p.frame.Unit == format.Bytes {
			n /= 8
		}
		return strings.TrimSpace(format.Rate(n))
	case order.GroupPackets, order.GroupBytes:
		return strings.TrimSpace(format.Total(uint64(n)))
	}
	return format.Count(int(n))
}

// fitName shortens a name, or both of a pair's.
func fitName(name string, width int) string {
	first, second, pair := strings.Cut(name, between)
	if !pair || format.Width(name) <= width {
		return address.Shorten(name, width)
	}
	half := (width - format.Width(between)) / 2
	return address.Ends(first, half) + between + address.Ends(second, half)
}

func (p *Page) rate(h flow.Half) string {
	if !h.Seen() {
		return format.Unseen
	}
	return format.Rate(p.frame.Unit.Of(h))
}

// share returns the group's share of the sum of the sorted column.
func (p *Page) share(g *order.Group) float64 {
	all := p.groups.By.Value(&p.groups.Sum)
	if all <= 0 {
		return 0
	}
	return p.groups.By.Value(g) / all
}

// share formats a share in percent, like [format.Percent].
func share(s float64) string {
	return format.Percent(int(s*1e6), 1e6)
}
