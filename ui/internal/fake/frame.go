package fake

import (
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"
	"weak"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/keys"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Frame is a console of 100×24 without a terminal, for the test of one page.
type Frame struct {
	*page.Frame
	// Acts are the acts that were asked for, and Quit is set by tea.Quit.
	Acts []flow.Act
	Quit bool
	// Events is the log.
	Events []flow.Event
	// Flow is the flow whose page was opened last.
	Flow *flow.Flow
	// Refreshed counts the looks at the source that were asked for.
	Refreshed int
}

// NewFrame returns a frame that shows flows.
func NewFrame(flows ...flow.Flow) *Frame {
	f := &Frame{Frame: &page.Frame{
		Keys: keys.Default(), Names: names.New(nil), Clock: func() time.Time { return Start },
		Width: 100, Height: 24, Now: Start,
	}}
	f.Log = f
	f.FlowPage = func(of *flow.Flow) page.Page {
		f.Flow = of
		return page.Base{}
	}
	f.Frame.Press = func(msg tea.KeyMsg) tea.Cmd { return f.Dialog().HandleKey(msg) }
	f.Refresh = func() tea.Cmd {
		f.Refreshed++
		return nil
	}
	if flows != nil {
		f.Latest = Snapshot(Start, flows)
		f.Target, f.Shown = f.Latest, f.Latest
	}
	return f
}

// With opens a page in the frame's only tab and gives it its room.
func (f *Frame) With(p page.Page) {
	f.SetTabs(page.Tab{Title: "Page", Page: p})
	p.SetSize(f.Width, f.Height-3)
}

// InSecondTab opens a page in a second tab, beside one of the flows.
func (f *Frame) InSecondTab(title string, p page.Page) {
	f.SetTabs(page.Tab{Title: "Flows", Page: page.Base{}}, page.Tab{Title: title, Page: p})
	f.Run(f.OpenTab(1))
}

// Kept shows another snapshot, and reports whether a page keeps the flows of the one before.
func (f *Frame) Kept() bool {
	before := weak.Make(&f.Shown.Flows[0])
	next := Snapshot(Start, Flows(3))
	f.Latest, f.Target, f.Shown = next, next, next
	runtime.GC()
	return before.Value() != nil
}

// Of returns the events of a flow.
func (f *Frame) Of(id flow.ID) []flow.Event {
	return slices.DeleteFunc(slices.Clone(f.Events), func(e flow.Event) bool { return e.ID != id })
}

// Opened returns the sources of all new flows in the log.
func (f *Frame) Opened(time.Time) (sources []netip.Addr) {
	for _, e := range f.Events {
		if e.Type == flow.EventNew {
			sources = append(sources, e.Tuple.Src.Addr())
		}
	}
	return sources
}

// Run runs a command, and what follows from it.
func (f *Frame) Run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			f.Run(c)
		}
	case work.Done:
		f.Run(msg.Take())
	case tea.QuitMsg:
		f.Quit = true
	}
}

// Send broadcasts a message and runs what follows from it.
func (f *Frame) Send(msg tea.Msg) { f.Run(f.Broadcast(msg)) }

var named = map[string]tea.KeyMsg{
	"enter": {Type: tea.KeyEnter}, "esc": {Type: tea.KeyEsc}, "tab": {Type: tea.KeyTab}, "backspace": {Type: tea.KeyBackspace},
	"up": {Type: tea.KeyUp}, "down": {Type: tea.KeyDown}, "left": {Type: tea.KeyLeft}, "right": {Type: tea.KeyRight},
	"pgup": {Type: tea.KeyPgUp}, "pgdown": {Type: tea.KeyPgDown}, "space": {Type: tea.KeySpace, Runes: []rune{' '}},
	"ctrl+v": {Type: tea.KeyCtrlV}, "home": {Type: tea.KeyHome}, "end": {Type: tea.KeyEnd},
}

// Keys returns the messages of keys by their names. What has no name is typed.
func Keys(texts ...string) (list []tea.KeyMsg) {
	for _, text := range texts {
		if msg, ok := named[text]; ok {
			list = append(list, msg)
			continue
		}
		for _, r := range text {
			list = append(list, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
	return list
}

// Press hands keys to the open dialog or to the page on the screen, and moves that
// if they move. It reports whether every key meant something.
func (f *Frame) Press(texts ...string) bool {
	all := true
	for _, msg := range Keys(texts...) {
		if d := f.Dialog(); d != nil {
			f.Run(d.HandleKey(msg))
			continue
		}
		cmd, ok := f.Front().HandleKey(msg)
		f.Run(cmd)
		all = all && (ok || f.Keys.Move(f.Front(), msg))
	}
	return all
}

// Words returns the words of a line. One that begins with a style begins with a star.
func Words(line string) string {
	text := strings.Join(strings.Fields(ansi.Strip(line)), " ")
	if strings.HasPrefix(strings.TrimSpace(line), "\x1b[") {
		return "* " + text
	}
	return text
}

// AtCursor returns the words of the line under a page's cursor, empty if there is none.
func AtCursor(p page.Page) string {
	for _, line := range p.Lines() {
		if rest, ok := strings.CutPrefix(line, "▌"); ok {
			return Words(rest)
		}
	}
	return ""
}

// Screen returns what the page, the dialogs over it and the facts about it show.
func (f *Frame) Screen() string {
	lines := slices.Clone(f.Front().Lines())
	for _, d := range f.Dialogs() {
		lines = append(append(lines, d.Box(f.Width, f.Height)...), d.Footer(f.Width, 1)...)
	}
	return strings.Join(append(lines, strings.Join(f.Tab().Facts(), "   "), f.Said()), "\n")
}
