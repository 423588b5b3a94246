// Package hosts is the page that lists the hosts of a fleet.
package hosts

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/scroll"
)

// Host is a line of the page.
type Host = page.Host

// Page is the page.
type Page struct {
	page.Base
	frame  *page.Frame
	hosts  func() []Host
	list   []Host
	window scroll.Window
	width  int
}

// New returns the page of some hosts.
func New(f *page.Frame, hosts func() []Host) *Page { return &Page{frame: f, hosts: hosts} }

// Update takes the hosts of the latest look. The cursor stays on its host.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(page.Polled); !ok || p.frame.Paused && p.list != nil {
		return nil
	}
	name := p.selected()
	p.list = p.hosts()
	for i := range p.list {
		if p.list[i].Name == name {
			p.window.Resize(len(p.list), p.window.Height)
			p.window.Hold(i)
		}
	}
	return nil
}

func (p *Page) selected() string {
	if p.window.Cursor < len(p.list) {
		return p.list[p.window.Cursor].Name
	}
	return ""
}

// HandleKey shows the flows of the selected host.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(msg, p.frame.Keys.Enter):
		if name := p.selected(); name != "" {
			return p.frame.Narrow("on:" + name), true
		}
	case key.Matches(msg, p.frame.Keys.Back):
		return p.frame.OpenTab(0), true
	default:
		return nil, false
	}
	return nil, true
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint { return []page.Hint{{Key: p.frame.Keys.Enter, Does: "its flows"}} }

// SetSize gives the page its room.
func (p *Page) SetSize(width, height int) {
	p.width = width
	p.window.Resize(len(p.list), height-1)
}

// Move moves the cursor.
func (p *Page) Move(lines int) { p.window.Move(lines) }

// Page moves the cursor by pages.
func (p *Page) Page(pages int) { p.window.Page(pages) }

// Top moves the cursor to the first host.
func (p *Page) Top() { p.window.To(0) }

// Bottom moves the cursor to the last host.
func (p *Page) Bottom() { p.window.To(len(p.list) - 1) }

// Click moves the cursor to a line.
func (p *Page) Click(_, y int) tea.Cmd {
	if i, ok := p.window.Line(y - 1); ok {
		p.window.To(i)
	}
	return nil
}

// Facts says how many hosts are not there.
func (p *Page) Facts() []string {
	away := 0
	for i := range p.list {
		if !p.list[i].Here() {
			away++
		}
	}
	facts := []string{format.Plural(len(p.list), "host")}
	if away > 0 {
		facts = append([]string{format.Count(away) + " not here"}, facts...)
	}
	return facts
}

// Lines draws the visible hosts below their titles.
func (p *Page) Lines() []string {
	if len(p.list) == 0 {
		return p.frame.Empty("no host is there: ctop serve --fleet lets one join")
	}
	lines := []string{p.frame.Theme.Title.Render(format.Left(" "+p.titles(), p.width))}
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		h := &p.list[i]
		text := format.Left(" "+p.row(h), p.width)
		switch {
		case i == p.window.Cursor:
			text = p.frame.Theme.Cursor.Render(format.Left("▌"+p.row(h), p.width))
		case !h.Here() || len(h.Alarms) > 0:
			text = p.frame.Theme.Alert.Render(text)
		}
		lines = append(lines, text)
	}
	return lines
}

// everything is the width of a screen from which on a line has room for all columns. On a
// narrower one the alarms come first.
const everything = 110

func (p *Page) titles() string {
	if p.width < everything {
		return line("HOST", "STATE", "HEARD", "FLOWS", "LOST", "FULL") + " ALARMS, INTERFACES, VERSION"
	}
	return line("HOST", "STATE", "HEARD", "FLOWS", "LOST", "FULL") + format.Right("MAX", 12) + " " + format.Left("VERSION", 10) + " INTERFACES"
}

func (p *Page) row(h *Host) string {
	text := line(h.Name, h.State, format.Age(h.Age), format.Count(h.Flows), strconv.FormatUint(h.Lost, 10), strconv.FormatUint(h.Full, 10))
	alarms := ""
	if len(h.Alarms) > 0 {
		alarms = "! " + strings.Join(h.Alarms, "; ") + "  "
	}
	if p.width < everything {
		return text + " " + format.Clean(alarms+h.Place+"  "+h.Version)
	}
	return text + format.Right(format.Count(h.MaxFlows), 12) + " " + format.Left(h.Version, 10) + " " + format.Clean(h.Place+"  "+alarms)
}

func line(name, state, heard, flows, lost, full string) string {
	return strings.Join([]string{
		format.Left(name, 16), format.Left(state, 5), format.Right(heard, 7), format.Right(flows, 11), format.Right(lost, 8), format.Right(full, 8),
	}, " ")
}
