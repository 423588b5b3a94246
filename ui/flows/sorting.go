package flows

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/ui/keys"
	"ctop/ui/page"
)

// sortKeys has the fields that a letter sorts by, with the letter.
var sortKeys = lettered()

type sortKey struct{ letter, name string }

func lettered() []sortKey {
	var list []sortKey
	for _, f := range field.All() {
		if f.Letter != "" {
			list = append(list, sortKey{f.Letter, f.Name})
		}
	}
	return list
}

// firstSort is what flows are sorted by, the highest first, until the operator
// chooses something else.
const firstSort = field.TotalRate

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
		return p.sortBy(p.first())
	case key.Matches(msg, k.Left):
		return p.sortBeside(-1)
	case key.Matches(msg, k.Right, k.Sort):
		return p.sortBeside(1)
	}
	for _, s := range sortKeys {
		if msg.String() == s.letter {
			p.frame.Close(d)
			return p.sortByKey(s.name)
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
	i := max(slices.Index(keys, p.order().Key), 0)
	return p.sortBy(p.ordered(keys[(i+step+len(keys))%len(keys)]))
}

// sortByKey sorts by a key in its usual direction, or in the other one if the flows
// are sorted by the key already.
func (p *Page) sortByKey(k string) tea.Cmd {
	if k == p.order().Key {
		return p.reverse()
	}
	return p.sortBy(p.ordered(k))
}

func (p *Page) ordered(k string) order.By {
	by := order.Expected(k)
	by.Packets = p.by.Packets
	return by
}

// first returns what the flows are sorted by at first.
func (p *Page) first() order.By {
	if p.frame.Comparing() {
		return firstCompareSort
	}
	return p.ordered(firstSort)
}

func (p *Page) reverse() tea.Cmd {
	by := p.order()
	by.Desc = !by.Desc
	return p.sortBy(by)
}

func (p *Page) sortBy(by order.By) tea.Cmd {
	p.setOrder(by)
	return p.arranging.Renew()
}

// SortLetters returns the letter that chooses each order, by the order's name.
func SortLetters() map[string]string {
	letters := map[string]string{}
	for _, s := range sortKeys {
		letters[s.name] = s.letter
	}
	return letters
}
