package together

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/confirm"
	"ctop/ui/keys"
	"ctop/ui/page"
	"ctop/ui/prompt"
	"ctop/ui/scroll"
)

// Keys that only this page has.
var (
	change   = keys.Bind("⏎", "change it at its hosts", "enter")
	standard = keys.Bind("0", "set the default there", "0")
)

// row is a value of a timeout, and the hosts that have it.
type row struct {
	name  flow.TimeoutName
	value time.Duration
	hosts []string
	flows int
	// first is set in the first line of a timeout, differs where hosts have several values.
	first, differs bool
}

// Timeouts is the page of the timeouts of all hosts: a line for each value that hosts have.
type Timeouts struct {
	page.Base
	reading *reading
	frame   *page.Frame
	acts    *acting.Acts
	known   func() []page.Host
	window  scroll.Window
	width   int
	rows    []row
	// chosen is the line of the cursor.
	chosen row
	input  *input
}

// NewTimeouts returns an empty page.
func NewTimeouts(f *page.Frame, a *acting.Acts, ask Ask, known func() []page.Host) *Timeouts {
	p := &Timeouts{frame: f, acts: a, known: known}
	p.reading = newReading(f, p, ask)
	return p
}

// Update asks the hosts while the page is open.
func (p *Timeouts) Update(msg tea.Msg) tea.Cmd { return p.reading.update(msg) }

// Keys returns the keys that no other page has.
func (p *Timeouts) Keys() []key.Binding { return []key.Binding{change, standard} }

// HandleKey takes the keys of the page.
func (p *Timeouts) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(msg, p.frame.Keys.Back):
		return p.frame.OpenTab(0), true
	case !key.Matches(msg, change, standard):
		return nil, false
	case p.window.Cursor >= len(p.rows):
	case key.Matches(msg, standard):
		p.confirm(p.rows[p.window.Cursor], flow.DefaultTimeouts()[p.rows[p.window.Cursor].name])
	default:
		p.input = &input{page: p, of: p.rows[p.window.Cursor], text: prompt.New()}
		p.frame.Ask(p.input)
	}
	return nil, true
}

// Attempt returns the timeout that a key would change.
func (p *Timeouts) Attempt(msg tea.KeyMsg) (page.Attempt, bool) {
	if p.window.Cursor >= len(p.rows) || !key.Matches(msg, change, standard) {
		return page.Attempt{}, false
	}
	r := &p.rows[p.window.Cursor]
	return page.Attempt{Act: flow.TimeoutChange(r.name, 0), Count: len(r.hosts)}, true
}

// SetSize makes the lines and gives them their room.
func (p *Timeouts) SetSize(width, height int) {
	p.width = width
	if p.input == nil {
		p.rows = valuesOf(p.reading.answer.list)
	}
	p.window.Resize(len(p.rows), height-1)
	if i := slices.IndexFunc(p.rows, p.chosen.is); i >= 0 {
		p.window.Hold(i)
	}
}

// is reports whether another line is about the same value.
func (r row) is(other row) bool { return r.name == other.name && r.value == other.value }

// valuesOf returns a line for each value of each timeout, that of the most hosts first.
func valuesOf(list []Summary) (rows []row) {
	for _, name := range flow.TimeoutNames() {
		var values []row
		for i := range list {
			one := row{name: name, value: list[i].Timeouts[name]}
			at := slices.IndexFunc(values, one.is)
			if at < 0 {
				at = len(values)
				values = append(values, one)
			}
			values[at].hosts = append(values[at].hosts, list[i].Host)
			values[at].flows += list[i].ByTimeout[name]
		}
		slices.SortStableFunc(values, func(a, b row) int {
			return cmp.Or(cmp.Compare(len(b.hosts), len(a.hosts)), cmp.Compare(a.value, b.value))
		})
		for i := range values {
			values[i].first, values[i].differs = i == 0, len(values) > 1
		}
		rows = append(rows, values...)
	}
	return rows
}

// Move moves the cursor.
func (p *Timeouts) Move(lines int) { p.window.Move(lines); p.choose() }

// Page moves the cursor by pages.
func (p *Timeouts) Page(pages int) { p.window.Page(pages); p.choose() }

// Top moves the cursor to the first line.
func (p *Timeouts) Top() { p.window.To(0); p.choose() }

// Bottom moves the cursor to the last line.
func (p *Timeouts) Bottom() { p.window.To(len(p.rows) - 1); p.choose() }

func (p *Timeouts) choose() {
	if p.window.Cursor < len(p.rows) {
		p.chosen = p.rows[p.window.Cursor]
	}
}

// Click moves the cursor to a line.
func (p *Timeouts) Click(_, y int) tea.Cmd {
	if i, ok := p.window.Line(y - 1); ok {
		p.window.To(i)
		p.choose()
	}
	return nil
}

// Facts says how many timeouts are not the same at all hosts, and how many hosts answered.
func (p *Timeouts) Facts() []string {
	different := 0
	for i := range p.rows {
		if p.rows[i].first && p.rows[i].differs {
			different++
		}
	}
	facts := []string{answered(p.reading, p.frame)}
	if different > 0 {
		facts = append([]string{format.Plural(different, "timeout") + " not the same everywhere"}, facts...)
	}
	return facts
}

// Hints returns the keys of the page.
func (p *Timeouts) Hints() []page.Hint {
	return []page.Hint{{Key: change, Does: "change", Acts: true}, {Key: standard, Does: "default", Acts: true}}
}

// Lines draws the page.
func (p *Timeouts) Lines() []string {
	if len(p.rows) == 0 {
		return p.frame.Empty("asking " + format.Plural(p.frame.HostsHere, "host"))
	}
	lines := []string{p.frame.Theme.Head.Render(format.Cut("  "+columns("TIMEOUT", "VALUE", "FLOWS", "DEFAULT", "AT"), p.width))}
	first, end := p.window.Visible()
	for i := first; i < end; i++ {
		text := p.row(&p.rows[i], i == p.window.Cursor)
		switch {
		case i == p.window.Cursor:
			text = p.frame.Theme.Cursor.Render(format.Left("▌ "+text, p.width))
		case p.rows[i].differs:
			text = p.frame.Theme.Warning.Render(format.Cut("  "+text, p.width))
		default:
			text = format.Cut("  "+text, p.width)
		}
		lines = append(lines, text)
	}
	return lines
}

const valueWidth = 10

func columns(name, value, flows, standard, at string) string {
	return format.Left(name, 18) + " " + format.Right(value, valueWidth) + " " + format.Right(flows, 9) + " " + format.Right(standard, valueWidth) + "  " + at
}

func (p *Timeouts) row(r *row, selected bool) string {
	name, value, standard := "", format.Timeout(r.value), ""
	if r.first || selected {
		name = r.name.String()
	}
	if d := flow.DefaultTimeouts()[r.name]; d != r.value {
		standard = format.Timeout(d)
	}
	if p.input != nil && selected {
		value = p.input.text.View(valueWidth)
	}
	at := "all hosts"
	if r.differs {
		at = format.Plural(len(r.hosts), "host") + ": " + strings.Join(r.hosts, ", ")
	}
	return columns(name, value, format.Count(r.flows), standard, at)
}

// input is the line for a new value.
type input struct {
	page.Plain
	page *Timeouts
	of   row
	text prompt.Model
}

// Footer names the keys.
func (d *input) Footer(int, int) []string {
	k := d.page.frame.Keys
	return []string{d.page.frame.FooterLine([]page.Hint{{Key: k.Enter, Does: "set"}, {Key: k.Back, Does: "leave as it is"}}, nil)}
}

// HandleKey edits the value.
func (d *input) HandleKey(msg tea.KeyMsg) tea.Cmd {
	p := d.page
	switch {
	case key.Matches(msg, p.frame.Keys.Back):
		d.close()
	case key.Matches(msg, p.frame.Keys.Enter):
		value, err := flow.ParseDuration(d.text.Value())
		if err == nil {
			err = flow.CheckTimeout(value)
		}
		if err != nil {
			p.frame.Warn(err.Error())
			return nil
		}
		d.close()
		p.confirm(d.of, value)
	default:
		d.text.Update(msg)
	}
	return nil
}

func (d *input) close() {
	d.page.input = nil
	d.page.frame.Close(d)
}

// confirm asks before a timeout is changed: it is that of several machines, and may end flows
// at each of them.
func (p *Timeouts) confirm(r row, value time.Duration) {
	var there, away []string
	for _, h := range p.known() {
		switch {
		case !slices.Contains(r.hosts, h.Name):
		case h.Here():
			there = append(there, h.Name)
		default:
			away = append(away, h.Name)
		}
	}
	if len(there) == 0 {
		p.frame.Warn("none of these hosts is here")
		return
	}
	lines := []string{"at " + named(there), "flows that were silent for longer end then"}
	if len(away) > 0 {
		lines = append(lines, "not at "+named(away)+": not here")
	}
	confirm.Ask(p.frame, confirm.Question{
		Title: fmt.Sprintf("%s: %s → %s at %s?", r.name, format.Timeout(r.value), format.Timeout(value), format.Plural(len(there), "host")),
		Lines: lines, Verb: "set it", Keep: "leave it",
		Yes: p.acts.SetTimeoutAt(there, r.name, value),
	})
}

// named names the first few hosts.
func named(list []string) string {
	const few = 4
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:few], ", ") + " and " + format.Count(len(list)-few) + " more"
}
