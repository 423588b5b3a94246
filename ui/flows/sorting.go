package flows

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/ui/keys"
	"ctop/ui/page"
)

// sortKeys has everything that flows can be sorted by, with the letter that chooses
// it.
var sortKeys = [...]struct {
	key    order.Key
	letter string
	name   string
}{
	{order.Proto, "p", "proto"},
	{order.Origin, "o", "origin"},
	{order.Reply, "r", "reply"},
	{order.State, "e", "state"},
	{order.TTL, "t", "ttl"},
	{order.Out, "u", "out"},
	{order.In, "i", "in"},
	{order.Rate, "w", "rate"},
	{order.Total, "a", "total"},
	{order.Age, "g", "age"},
	{order.OutPackets, "k", "packets out"},
	{order.InPackets, "n", "packets in"},
	{order.OutBytes, "b", "bytes out"},
	{order.InBytes, "y", "bytes in"},
	{order.Idle, "d", "idle"},
	{order.RTT, "m", "rtt"},
	{order.Retransmits, "x", "retrans"},
	{order.Reordered, "v", "reordered"},
	{order.Interface, "f", "interface"},
	{order.ID, "#", "id"},
}

// firstSort is what flows are sorted by, the highest first, until the operator
// chooses something else.
const firstSort = order.Rate

func sortName(k order.Key) string {
	for _, s := range sortKeys {
		if s.key == k {
			return s.name
		}
	}
	return ""
}

// sortDialog chooses what the flows are sorted by. They are at once.
type sortDialog struct {
	page.Plain
	flows  *Page
	before order.By
}

// Below lets the page scroll, to look at the order.
func (d *sortDialog) Below() page.Below { return page.Below{Scrolls: true} }

// HandleKey chooses a key or a column, and ends the dialog.
func (d *sortDialog) HandleKey(msg tea.KeyMsg) tea.Cmd {
	p, k := d.flows, d.flows.frame.Keys
	switch {
	case key.Matches(msg, k.Enter):
		p.frame.Close(d)
		return nil
	case key.Matches(msg, k.Back, k.Quit):
		p.frame.Close(d)
		return p.sortBy(d.before)
	case key.Matches(msg, k.Reverse):
		return p.reverse()
	case key.Matches(msg, k.DefaultSort):
		p.frame.Close(d)
		return p.sortBy(p.ordered(firstSort))
	case key.Matches(msg, k.Left):
		return p.sortBeside(-1)
	case key.Matches(msg, k.Right, k.Sort):
		return p.sortBeside(1)
	}
	for _, s := range sortKeys {
		if msg.String() == s.letter {
			p.frame.Close(d)
			return p.sortByKey(s.key)
		}
	}
	return nil
}

// Rows returns how many lines the keys need above the footer.
func (d *sortDialog) Rows(width int) int { return len(d.lines(width)) - 1 }

// Footer names the keys, as far as there is room.
func (d *sortDialog) Footer(width, rows int) []string {
	lines := d.lines(width)
	return lines[:min(rows+1, len(lines))]
}

// lines names every key with what it sorts by.
func (d *sortDialog) lines(width int) []string {
	k, style := d.flows.frame.Keys, d.flows.frame.Theme.Key
	var hints []page.Hint
	for _, s := range sortKeys {
		hints = append(hints, page.Hint{Key: keys.Bind(s.letter, ""), Does: s.name})
	}
	hints = append(hints, page.Hint{Key: keys.Bind("← →", ""), Does: "choose"}, page.Hint{Key: k.Reverse, Does: "reverse"},
		page.Hint{Key: k.DefaultSort, Does: "as at first"}, page.Hint{Key: k.Enter, Does: "done"})
	const indent = " sort by"
	lines, used := []string{indent}, len(indent)
	for _, h := range hints {
		name := h.Key.Help().Key
		w := format.Width(name) + 1 + format.Width(h.Does)
		if used+2+w > width && used > len(indent) {
			lines, used = append(lines, format.Blank(len(indent))), len(indent)
		}
		lines[len(lines)-1] += "  " + style.Render(name) + " " + h.Does
		used += 2 + w
	}
	return lines
}

// sortBeside sorts by a column to the left or right of the present one.
func (p *Page) sortBeside(step int) tea.Cmd {
	keys := p.table.Keys()
	if len(keys) == 0 {
		return nil
	}
	i := max(slices.Index(keys, p.by.Key), 0)
	return p.sortBy(p.ordered(keys[(i+step+len(keys))%len(keys)]))
}

// sortByKey sorts by a key in its usual direction, or in the other one if the flows
// are sorted by the key already.
func (p *Page) sortByKey(k order.Key) tea.Cmd {
	if k == p.by.Key {
		return p.reverse()
	}
	return p.sortBy(p.ordered(k))
}

func (p *Page) ordered(k order.Key) order.By {
	return order.By{Key: k, Desc: k.Numeric(), Packets: p.by.Packets}
}

func (p *Page) reverse() tea.Cmd {
	by := p.by
	by.Desc = !by.Desc
	return p.sortBy(by)
}

func (p *Page) sortBy(by order.By) tea.Cmd {
	p.by = by
	p.table.SetBy(by)
	return p.arranging.Renew()
}

// sortText writes an order as "key:direction".
func sortText(by order.By) string {
	direction := "asc"
	if by.Desc {
		direction = "desc"
	}
	return sortName(by.Key) + ":" + direction
}

// parseSort reads what [sortText] wrote.
func parseSort(text string) (by order.By, ok bool) {
	for _, s := range sortKeys {
		for _, desc := range []bool{false, true} {
			by := order.By{Key: s.key, Desc: desc}
			if sortText(by) == text {
				return by, true
			}
		}
		if s.name == text {
			return order.By{Key: s.key, Desc: s.key.Numeric()}, true
		}
	}
	return by, false
}

// SortNames returns everything that flows can be sorted by.
func SortNames() []string {
	var names []string
	for _, s := range sortKeys {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}

// SortLetters returns the letter that chooses each order, by the order's name.
func SortLetters() map[string]string {
	letters := map[string]string{}
	for _, s := range sortKeys {
		letters[s.name] = s.letter
	}
	return letters
}
