package timeouts

import (
	"fmt"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
	"ctop/ui/keys"
	"ctop/ui/page"
	"ctop/ui/prompt"
	"ctop/ui/work"
)

// Keys that only this page has.
var (
	change   = keys.Bind("⏎", "change the timeout", "enter")
	standard = keys.Bind("0", "set the default", "0")
)

// Keys returns the keys that no other page has.
func (p *Page) Keys() []key.Binding { return []key.Binding{change, standard} }

// HandleKey takes the keys of the page.
func (p *Page) HandleKey(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(msg, change):
		p.edit()
	case key.Matches(msg, standard):
		return p.restore(), true
	case key.Matches(msg, p.frame.Keys.Back):
		return p.frame.OpenTab(0), true
	default:
		return nil, false
	}
	return nil, true
}

// Attempt returns the timeout that a key would change.
func (p *Page) Attempt(msg tea.KeyMsg) (page.Attempt, bool) {
	name, _ := p.selected()
	return page.Attempt{Act: flow.TimeoutChange(name, 0), Count: 1}, key.Matches(msg, change, standard)
}

// Hints returns the keys of the page.
func (p *Page) Hints() []page.Hint {
	return []page.Hint{{Key: change, Does: "change", Acts: true}, {Key: standard, Does: "default", Acts: true}}
}

// edit is the input line for a new value, in the row of the timeout.
type edit struct {
	page.Plain
	page    *Page
	input   prompt.Model
	problem string
	// ends is the number of flows that the value would end, negative while it
	// is unknown. touches is the number of flows with the timeout.
	ends, touches int
}

// edit opens the line. Before the first snapshot there is no value to edit, and it
// returns nil.
func (p *Page) edit() *edit {
	if !p.loaded {
		return nil
	}
	p.editing = &edit{page: p, input: prompt.New(), ends: -1}
	p.frame.Ask(p.editing)
	return p.editing
}

// restore sets the selected timeout to its default, and asks like for any other
// value. It does so even if the page shows the default, since another operator may
// have changed the value.
func (p *Page) restore() tea.Cmd {
	e := p.edit()
	if e == nil {
		return nil
	}
	name, _ := p.selected()
	return e.count(flow.DefaultTimeouts()[name], e.apply)
}

func (e *edit) close() {
	e.page.editing = nil
	e.page.frame.Close(e)
}

// Footer names the keys.
func (e *edit) Footer(int, int) []string {
	k := e.page.frame.Keys
	return []string{e.page.frame.FooterLine([]page.Hint{{Key: k.Enter, Does: "set"}, {Key: k.Back, Does: "leave as it is"}}, nil)}
}

// HandleKey edits the value and shows how many flows it would end.
func (e *edit) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := e.page.frame.Keys
	switch {
	case key.Matches(msg, k.Back):
		e.close()
		return nil
	case key.Matches(msg, k.Enter):
		return e.enter()
	}
	e.input.Update(msg)
	e.problem, e.ends = "", -1
	if d, err := e.value(); err == nil {
		return e.count(d, e.preview)
	}
	return nil
}

// value returns the value that was typed.
func (e *edit) value() (time.Duration, error) {
	d, err := flow.ParseDuration(e.input.Value())
	if err != nil {
		return 0, err
	}
	return d, flow.CheckTimeout(d)
}

// enter counts the flows that the new value would end, and then sets it.
func (e *edit) enter() tea.Cmd {
	d, err := e.value()
	if err != nil {
		e.problem = err.Error()
		return nil
	}
	return e.count(d, e.apply)
}

// effect has the number of flows with a timeout, and of those that a new value would
// end.
type effect struct {
	name          flow.TimeoutName
	value         time.Duration
	touches, ends int
}

// count computes the effect of a value on the newest snapshot, even if the console is
// paused. The result is dropped if the line was closed meanwhile.
func (e *edit) count(d time.Duration, take func(effect) tea.Cmd) tea.Cmd {
	name, _ := e.page.selected()
	s, since := e.page.frame.Latest, e.page.frame.SinceLatest()
	return work.Do(func() effect {
		return effect{name, d, order.CountTimeouts(s)[name], order.CountEnding(s, name, d-since)}
	}, func(of effect) tea.Cmd {
		if e.page.editing != e {
			return nil
		}
		return take(of)
	})
}

// preview shows the effect of a value, unless the operator has typed another one
// since.
func (e *edit) preview(of effect) tea.Cmd {
	if typed, err := e.value(); err == nil && typed == of.value {
		e.touches, e.ends = of.touches, of.ends
	}
	return nil
}

// apply sets the value. It asks first if that ends any flow.
func (e *edit) apply(of effect) tea.Cmd {
	e.close()
	_, old := e.page.selected()
	set := e.page.acts.SetTimeout(of.name, of.value)
	if of.ends == 0 {
		return set
	}
	confirm.Ask(e.page.frame, confirm.Question{
		Title: fmt.Sprintf("%s: %s → %s?", of.name, format.Timeout(old), format.Timeout(of.value)),
		Lines: []string{format.Plural(of.ends, "flow") + " silent for longer would end now"},
		Verb:  "set it", Keep: "leave it",
		Yes: set,
	})
	return nil
}
