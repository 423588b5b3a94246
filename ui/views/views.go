// Package views has the dialogs that save what is shown under a name, and choose what
// was saved.
package views

import (
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/prompt"
	"ctop/ui/scroll"
)

// Book has the saved views of a console.
type Book struct {
	frame *page.Frame
	views map[string]page.View
	// last is the name of the view that was chosen or saved last.
	last string

	// Present returns what is shown, and Show shows a view.
	Present func() page.View
	Show    func(page.View) tea.Cmd
	// Kept: the views outlive the console.
	Kept bool
}

// New returns a book without views.
func New(f *page.Frame) *Book { return &Book{frame: f} }

// Views returns a copy of the views by their names, nil if there are none.
func (b *Book) Views() map[string]page.View { return maps.Clone(b.views) }

// SetViews replaces the views.
func (b *Book) SetViews(views map[string]page.View) { b.views = maps.Clone(views) }

// Names returns the names of the views in order.
func (b *Book) Names() []string { return slices.Sorted(maps.Keys(b.views)) }

// HandleKey takes the keys that open the dialogs.
func (b *Book) HandleKey(msg tea.KeyMsg) bool {
	k := b.frame.Keys
	switch {
	case key.Matches(msg, k.SaveView):
		d := &saving{book: b, input: prompt.New(), fresh: true}
		d.input.Set(b.last)
		b.frame.Ask(d)
	case key.Matches(msg, k.Views) && len(b.views) == 0:
		b.frame.Tell("no view is saved yet: " + k.SaveView.Help().Key + " saves this one")
	case key.Matches(msg, k.Views):
		d := &choosing{book: b}
		d.load()
		d.window.To(max(slices.Index(d.names, b.last), 0))
		b.frame.Ask(d)
	default:
		return false
	}
	return true
}

// save saves what is shown.
func (b *Book) save(name string) {
	what := "saved as " + format.Clean(name)
	if _, ok := b.views[name]; ok {
		what = "replaced " + format.Clean(name)
	}
	if b.views == nil {
		b.views = map[string]page.View{}
	}
	b.views[name], b.last = b.Present(), name
	if !b.Kept {
		what += ", until this session ends"
	}
	b.frame.Tell(what + ": " + b.frame.Keys.Views.Help().Key + " chooses a view")
}

// saving is the line in which a name is typed.
type saving struct {
	page.Plain
	book  *Book
	input prompt.Model
	// fresh is set until the first key: a letter then replaces the name.
	fresh bool
}

// HandleKey edits the name.
func (d *saving) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := d.book.frame.Keys
	name := strings.TrimSpace(d.input.Value())
	fresh := d.fresh
	d.fresh = false
	switch {
	case key.Matches(msg, k.Back), key.Matches(msg, k.Enter) && name == "":
		d.book.frame.Close(d)
	case key.Matches(msg, k.Enter):
		d.book.frame.Close(d)
		d.book.save(name)
	default:
		if fresh && msg.Type == tea.KeyRunes {
			d.input.Set("")
		}
		d.input.Update(msg)
	}
	return nil
}

// Footer draws the name.
func (d *saving) Footer(width, _ int) []string {
	const label = " save this view as "
	style := d.book.frame.Theme.Key
	hint := "   " + style.Render("⏎") + " save   " + style.Render("Esc") + " drop"
	room := width - format.Width(label) - format.Width("   ⏎ save   Esc drop")
	if room < 10 {
		hint, room = "", width-format.Width(label)
	}
	return []string{label + d.input.View(room) + hint}
}

// choosing is the list of views.
type choosing struct {
	page.Plain
	book   *Book
	names  []string
	window scroll.Window
}

func (d *choosing) load() {
	d.names = d.book.Names()
	d.window.Resize(len(d.names), len(d.names))
}

// HandleKey moves the cursor, shows a view, or forgets one.
func (d *choosing) HandleKey(msg tea.KeyMsg) tea.Cmd {
	b := d.book
	k := b.frame.Keys
	switch {
	case key.Matches(msg, k.Up):
		d.window.Move(-1)
	case key.Matches(msg, k.Down):
		d.window.Move(1)
	case key.Matches(msg, k.Delete):
		delete(b.views, d.names[d.window.Cursor])
		if d.load(); len(d.names) == 0 {
			b.frame.Close(d)
		}
	case key.Matches(msg, k.Enter):
		b.frame.Close(d)
		b.last = d.names[d.window.Cursor]
		return b.Show(b.views[b.last])
	case key.Matches(msg, k.Back, k.Quit, k.Views):
		b.frame.Close(d)
	}
	return nil
}

// Footer names the keys.
func (d *choosing) Footer(width, _ int) []string {
	k := d.book.frame.Keys
	return []string{page.HintLine(d.book.frame.Theme, width, []page.Hint{
		{Key: k.Enter, Does: "show"}, {Key: k.Delete, Does: "forget"},
	}, []page.Hint{{Key: k.Back, Does: "back"}})}
}

// Box draws the list as a box of at most the given size.
func (d *choosing) Box(width, height int) []string {
	return page.List{
		Title: "views", Window: d.window, Most: 72,
		Line: func(i int) string { return d.line(d.names[i]) },
	}.Box(d.book.frame.Theme, width, height)
}

// line says what a view shows.
func (d *choosing) line(name string) string {
	v := d.book.views[name]
	shown := v.Filter
	if shown == "" {
		shown = "all flows"
	}
	return format.Left(format.Clean(name), 14) + " " + format.Clean(shown+", by "+v.Sort)
}
