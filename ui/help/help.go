// Package help is the page that says what every key does.
package help

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/scroll"
)

// Section is a group of keys.
type Section struct {
	Title string
	Keys  []key.Binding
	// Acts: the keys change something, which not everybody may.
	Acts bool
	// Rows are lines about something else than keys. They take the whole
	// width.
	Rows []filter.Row
}

// Page is the page.
type Page struct {
	page.Base
	frame    *page.Frame
	sections []Section
	width    int
	height   int
	lines    []string
	top      scroll.Window
}

// New returns the page for some keys.
func New(f *page.Frame, sections []Section) *Page {
	return &Page{frame: f, sections: sections}
}

// HandleKey closes the page. All other keys but those that scroll mean nothing here.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	k := p.frame.Keys
	switch {
	case k.Move(p, msg):
	case key.Matches(msg, k.Back, k.Help, k.Quit, k.Enter):
		p.frame.Pop()
	default:
		p.frame.Tell("no key here: Esc goes back")
	}
	return nil, true
}

// Facts returns the number of lines below the visible part.
func (p *Page) Facts() []string { return page.LinesBelow(len(p.lines) - p.top.Cursor - p.height) }

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	k := p.frame.Keys
	return []page.Hint{{Key: k.Up, Does: "up"}, {Key: k.Down, Does: "down"}, {Key: k.PageDown, Does: "page down"}}
}

// SetSize gives the page its room.
func (p *Page) SetSize(width, height int) {
	if width == p.width && height == p.height {
		return
	}
	p.width, p.height = width, height
	p.lines = p.layout()
	p.top.Resize(max(len(p.lines)-height+1, 1), 1)
}

// Move scrolls by a number of lines.
func (p *Page) Move(lines int) { p.top.Move(lines) }

// Page scrolls by pages.
func (p *Page) Page(pages int) { p.top.Move(pages * max(p.height-1, 1)) }

// Top scrolls to the beginning.
func (p *Page) Top() { p.top.To(0) }

// Bottom scrolls to the end.
func (p *Page) Bottom() { p.top.To(len(p.lines)) }

// Lines draws the visible part.
func (p *Page) Lines() []string {
	return p.lines[min(p.top.Cursor, len(p.lines)):]
}

const (
	keyWidth    = 10
	columnWidth = 40
)

// layout fills as many columns as fit, whole sections first.
func (p *Page) layout() []string {
	count := min(max(p.width/columnWidth, 1), 3)
	columns := make([][]string, count)
	for _, s := range p.sections {
		if len(s.Rows) > 0 {
			continue
		}
		shortest := 0
		for i := range columns {
			if len(columns[i]) < len(columns[shortest]) {
				shortest = i
			}
		}
		columns[shortest] = append(columns[shortest], p.section(s)...)
	}
	lines := format.Columns(columns, columnWidth)
	for _, s := range p.sections {
		if len(s.Rows) > 0 {
			lines = append(lines, p.rows(s)...)
		}
	}
	return lines
}

// formWidth is the width of what rows explain.
const formWidth = 19

func (p *Page) rows(s Section) []string {
	lines := []string{" " + p.frame.Theme.Title.Render(s.Title)}
	for _, r := range s.Rows {
		form := format.Left(r.Form, max(formWidth, format.Width(r.Form)))
		room := max(p.width-format.Width(form)-3, formWidth)
		for i, means := range strings.Split(ansi.Wordwrap(r.Means, room, ""), "\n") {
			if i > 0 {
				form = strings.Repeat(" ", format.Width(form))
			}
			lines = append(lines, "  "+p.frame.Theme.Key.Render(form)+" "+means)
		}
	}
	return append(lines, "")
}

func (p *Page) section(s Section) []string {
	if !slices.ContainsFunc(s.Keys, key.Binding.Enabled) {
		return nil
	}
	title, denied := s.Title, s.Acts && p.frame.Denies()
	if denied {
		title += ": not for you now"
	}
	lines := []string{" " + p.frame.Theme.Title.Render(title)}
	for _, k := range s.Keys {
		if !k.Enabled() {
			continue
		}
		h := k.Help()
		name := format.Left(h.Key, max(keyWidth, format.Width(h.Key)))
		if denied {
			lines = append(lines, "  "+p.frame.Theme.Dim.Render(name+" "+h.Desc))
			continue
		}
		lines = append(lines, "  "+p.frame.Theme.Key.Render(name)+" "+h.Desc)
	}
	return append(lines, "")
}
