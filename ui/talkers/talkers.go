// Package talkers is the page of groups of flows, the largest first.
package talkers

import (
	"net/netip"
	"weak"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/page"
	"ctop/ui/scroll"
	"ctop/ui/work"
)

// Export writes groups, in the order in which they are shown, and says where.
type Export func(order.Groups) (where string, err error)

// Options are how groups are exported: to a file, or by a command elsewhere.
type Options struct {
	Export          Export
	ExportElsewhere page.Elsewhere
	// Fleet groups the flows of many hosts, nil if there is one host.
	Fleet Fleet
}

// Fleet returns the groups of all hosts. Those that are asked for are exact. hosts is the number
// of those that answered; settled is not set while others may still do so. It does not run on
// the console's goroutine.
type Fleet func(r order.GroupRequest, asked []order.GroupKey) (groups order.Groups, hosts int, settled bool)

// Page is the page.
type Page struct {
	page.Base
	frame   *page.Frame
	acts    *acting.Acts
	options Options
	window  scroll.Window
	width   int
	height  int

	grouping order.Grouping
	nets     order.Nets
	by       order.GroupBy
	counting *work.Task[counted]
	// counted is the snapshot whose flows were counted last. It may be garbage.
	counted weak.Pointer[flow.Snapshot]

	groups order.Groups
	loaded bool

	// selected is the group under the cursor. Until the operator has chosen
	// one, the cursor stays at the top.
	selected order.GroupKey
	chosen   bool

	widest int
	places []place

	// asked are the groups that hosts are asked for by name.
	asked []order.GroupKey
	hosts int
	// asking is set until hosts have answered for another grouping or filter.
	asking bool
}

// counted is the result of counting.
type counted struct {
	order.Groups
	hosts   int
	settled bool
}

// New returns an empty page.
func New(f *page.Frame, a *acting.Acts, o Options) *Page {
	p := &Page{frame: f, acts: a, options: o, nets: order.DefaultNets, by: order.GroupBy{Sort: order.GroupRate, Desc: true}}
	p.counting = work.NewTask(f.Clock, p.count, p.set)
	return p
}

// SetSize gives the page its room, the line of titles included.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.window.Resize(len(p.groups.Top), p.bodyHeight())
	p.measure()
}

// count returns a function that counts the flows in groups, nil while the page is not
// open.
func (p *Page) count() func() counted {
	s := p.frame.Shown
	if s == nil || p.frame.Tab() != page.Page(p) {
		return nil
	}
	p.counted = weak.Make(s)
	r := order.GroupRequest{Snapshot: s, Filter: p.frame.Filter(), Grouping: p.grouping, Nets: p.nets, By: p.by}
	if p.options.Fleet == nil {
		return func() counted { return counted{order.Talk(r), 0, true} }
	}
	ask, asked := p.options.Fleet, p.asked
	r.Snapshot = nil // hosts have their own
	return func() counted {
		groups, hosts, settled := ask(r, asked)
		return counted{groups, hosts, settled}
	}
}

// set shows new groups. The cursor stays on its group, and the group on its line of
// the screen.
func (p *Page) set(c counted) tea.Cmd {
	g := c.Groups
	if p.asking = !c.settled; p.asking && p.loaded && g.Grouping == p.groups.Grouping {
		return nil // what is shown stays until hosts have answered
	}
	p.hosts = c.hosts
	if p.asking {
		g.Top, g.All, c.settled = nil, 0, false
	}
	if g.Grouping != p.groups.Grouping || g.Nets != p.groups.Nets {
		p.chosen, p.widest = false, 0
		p.window.To(0)
	}
	p.groups, p.loaded = g, c.settled
	p.window.Resize(len(g.Top), p.bodyHeight())
	if row := p.find(p.selected); p.chosen && row >= 0 {
		p.window.Hold(row)
	}
	p.settle()
	return nil
}

func (p *Page) find(k order.GroupKey) int {
	for i := range p.groups.Top {
		if p.groups.Top[i].Key == k {
			return i
		}
	}
	return -1
}

// Selected returns the group under the cursor.
func (p *Page) Selected() (order.Group, bool) {
	if p.window.Cursor < len(p.groups.Top) {
		return p.groups.Top[p.window.Cursor], true
	}
	return order.Group{}, false
}

// Addresses returns the visible addresses.
func (p *Page) Addresses() []netip.Addr {
	if !p.groups.Grouping.HasAddresses() {
		return nil
	}
	first, end := p.window.Visible()
	var list []netip.Addr
	for _, g := range p.groups.Top[first:end] {
		list = append(list, g.Key.Net.Addr())
		if g.Key.Peer.IsValid() {
			list = append(list, g.Key.Peer)
		}
	}
	return list
}

// Move moves the cursor.
func (p *Page) Move(lines int) {
	p.window.Move(lines)
	p.choose()
}

// Page moves the cursor by pages.
func (p *Page) Page(pages int) {
	p.window.Page(pages)
	p.choose()
}

// Top moves the cursor to the first line. It stays there when another group becomes
// the first.
func (p *Page) Top() {
	p.window.To(0)
	p.settle()
	p.chosen = false
}

// Bottom goes to the last group.
func (p *Page) Bottom() {
	p.window.To(len(p.groups.Top) - 1)
	p.choose()
}

// Click moves the cursor to a line, or sorts by the column of a title.
func (p *Page) Click(x, y int) tea.Cmd {
	if y == 0 && p.titled() {
		if by, ok := p.titleAt(x); ok {
			return p.sortBy(by)
		}
		return nil
	}
	if p.titled() {
		y--
	}
	if row, ok := p.window.Line(y); ok {
		p.window.To(row)
		p.choose()
	}
	return nil
}

func (p *Page) titleAt(x int) (order.GroupSort, bool) {
	for _, at := range p.places {
		if at.x <= x && x < at.x+at.width {
			return columns[at.id].by, columns[at.id].sorts
		}
	}
	return 0, false
}

func (p *Page) choose() {
	p.settle()
	p.chosen = true
}

func (p *Page) settle() {
	if g, ok := p.Selected(); ok {
		p.selected = g.Key
	}
	p.measure()
}

func (p *Page) measure() {
	p.widest = max(p.widest, format.Width(p.title(name)))
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		p.widest = max(p.widest, format.Width(p.name(&p.groups.Top[i])))
	}
	p.places = arrange(p.width, p.widest, p.options.Fleet != nil)
}

// name returns the name of a group on the screen.
func (p *Page) name(g *order.Group) string {
	switch {
	case p.groups.Grouping == order.ByPair:
		return p.frame.Names.Host(g.Key.Net.Addr()) + between + p.frame.Names.Host(g.Key.Peer)
	case p.groups.Grouping.HasAddresses():
		return p.frame.Names.Host(g.Key.Net.Addr())
	case p.groups.Grouping == order.ByPort && g.Key.Number < 1<<16:
		return p.frame.Names.Port(portful, uint16(g.Key.Number))
	}
	return format.Clean(p.groups.Grouping.Name(g.Key, p.groups.Snapshot))
}

func (p *Page) bodyHeight() int {
	if p.titled() {
		return p.height - 1
	}
	return p.height
}

func (p *Page) titled() bool { return p.height >= 3 }
