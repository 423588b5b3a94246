// Package filterline is the line in which a filter is typed. What the filter shows
// is shown while it is being typed.
package filterline

import (
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/ui/page"
	"ctop/ui/prompt"
)

// Dialog is the line.
type Dialog struct {
	page.Plain
	frame  *page.Frame
	before filter.Filter
	input  prompt.Model
	// fresh is set until the first key: a letter then replaces the text.
	fresh bool
	// past is the position in the history, which begins with the latest filter; -1 is
	// what was typed, which is kept in typing.
	past   int
	typing string
	err    *filter.Error
	// completions are what the word being typed could be completed to.
	completions []string
}

// Open opens the line with the present filter in it.
func Open(f *page.Frame) {
	d := &Dialog{frame: f, before: f.Filter(), input: prompt.New(), past: -1}
	d.input.Set(f.FilterText())
	d.fresh = !f.Filter().Empty()
	f.Ask(d)
}

// Below lets the page scroll, to look at what the filter shows.
func (d *Dialog) Below() page.Below { return page.Below{Scrolls: true} }

// HandleKey edits the filter.
func (d *Dialog) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := d.frame.Keys
	fresh := d.fresh
	d.fresh = false
	switch {
	case key.Matches(msg, k.Enter):
		return d.keep()
	case key.Matches(msg, k.Back):
		d.frame.Close(d)
		return d.frame.SetFilter(d.before)
	case key.Matches(msg, k.Complete):
		text, completions := filter.Complete(d.input.Value())
		d.input.Set(text)
		cmd := d.typed()
		d.completions = completions
		return cmd
	case msg.Type == tea.KeyUp:
		return d.recall(1)
	case msg.Type == tea.KeyDown:
		return d.recall(-1)
	case msg.Type == tea.KeyPgUp, msg.Type == tea.KeyPgDown:
		k.Move(d.frame.Front(), msg)
		return nil
	case fresh && msg.Type == tea.KeyRunes && msg.Runes[0] != ' ':
		d.input.Set("") // a space, or a key that moves the caret, goes on with the text
	}
	d.input.Update(msg)
	d.completions = nil
	return d.typed()
}

// recall puts an earlier filter into the line, or a later one.
func (d *Dialog) recall(steps int) tea.Cmd {
	history := d.frame.Filters
	to := min(max(d.past+steps, -1), len(history)-1)
	if to == d.past {
		return nil
	}
	if d.past < 0 {
		d.typing = d.input.Value()
	}
	text := d.typing
	if d.past = to; to >= 0 {
		text = history[to]
	}
	d.input.Set(text)
	d.completions = nil
	return d.typed()
}

// typed shows what the filter would show. A term whose name is still being typed
// does not count yet, so that the list does not empty meanwhile.
func (d *Dialog) typed() tea.Cmd {
	return d.try(filter.Finished(d.input.Value()))
}

// keep ends the typing, unless the filter cannot be read.
func (d *Dialog) keep() tea.Cmd {
	cmd := d.try(d.input.Value())
	if d.err == nil {
		d.frame.Close(d)
		d.frame.ForgetTrail()
		d.frame.RememberFilter()
	}
	return cmd
}

// try sets a filter. If it cannot be read, the last one that could be stays.
func (d *Dialog) try(text string) tea.Cmd {
	f, err := d.frame.Parse(text)
	d.err = nil
	if errors.As(err, &d.err) {
		return nil
	}
	return d.frame.SetFilter(f)
}
