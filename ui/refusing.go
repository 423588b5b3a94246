package ui

import (
	"errors"
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// errShownOnly answers every act if the console has no [flow.Actor].
var errShownOnly = errors.New("what is shown here cannot be changed")

// Attempt is an act that is refused at its key, because the operator's role does not
// allow it or because there is nobody to carry it out. A new timeout has not been
// chosen yet, so Duration is zero.
type Attempt struct {
	// Act names at most 100 of the flows, Count is how many flows or settings it
	// is about.
	flow.Act
	Count int
}

// mostAttempted is how many flows an [Attempt] names.
const mostAttempted = 100

// WithRole says in the header as whom the operator is here.
func WithRole(role string) Option {
	return func(o *options) { o.role = role }
}

// WithRefusal has every key that acts answer with the error of refuse, before
// anything is asked. It runs off the console's goroutine.
func WithRefusal(refuse func(Attempt) error) Option {
	return func(o *options) { o.refuse = refuse }
}

// WithExportElsewhere has the export key say a command that exports what a
// filter shows to where the operator sits: a session from elsewhere has no
// business writing files here.
func WithExportElsewhere(command func(filter string) string) Option {
	return func(o *options) { o.exportElsewhere = command }
}

// allowed leaves out of the hints what is not allowed here.
func (m *Model) allowed(hints []hint) []hint {
	if m.options.refuse == nil {
		return hints
	}
	k := m.keys
	acting := []key.Binding{k.Mark, k.Delete, k.DeleteAll, k.Longer, k.Shorter, k.Pin, k.Default, k.Edit, k.DefaultTimeout}
	return slices.DeleteFunc(hints, func(h hint) bool {
		return slices.ContainsFunc(acting, func(b key.Binding) bool { return b.Help() == h.key.Help() })
	})
}

// refuse answers a key that acts where that is not allowed.
func (m *Model) refuse(msg tea.KeyMsg) (cmd tea.Cmd, refused bool) {
	if m.options.refuse == nil {
		return nil, false
	}
	attempt, ok := m.attempt(msg)
	if !ok {
		return nil, false
	}
	refuse := m.options.refuse
	return func() tea.Msg { return doneMsg{err: refuse(attempt)} }, true
}

// attempt is what a key would do, if it is one that acts.
func (m *Model) attempt(msg tea.KeyMsg) (a Attempt, ok bool) {
	switch {
	case m.mode == modeDetail:
		return m.attemptOn(msg, m.detail.Flow())
	case m.mode != modeNormal:
		return a, false
	case m.view == viewTimeouts:
		name, _ := m.limits.Selected()
		return Attempt{flow.TimeoutChange(name, 0), 1}, key.Matches(msg, m.keys.Edit, m.keys.DefaultTimeout)
	case m.view != viewFlows:
		return a, false
	case key.Matches(msg, m.keys.DeleteAll):
		rows := m.flows.Rows()
		return Attempt{flow.Deletion(refsOf(rows[:min(len(rows), mostAttempted)])...), len(rows)}, true
	case key.Matches(msg, m.keys.Delete) && len(m.marked) > 0:
		return m.attemptOnMarked(), true
	}
	return m.attemptOn(msg, m.flows.Selected())
}

// attemptOn is for the keys that act on one flow.
func (m *Model) attemptOn(msg tea.KeyMsg, f *flow.Flow) (a Attempt, ok bool) {
	if f == nil {
		return a, false
	}
	if key.Matches(msg, m.keys.Delete) {
		return Attempt{flow.Deletion(f.Ref()), 1}, true
	}
	return Attempt{flow.OwnTimeoutChange(f.Ref(), 0), 1}, key.Matches(msg, m.keys.Longer, m.keys.Shorter, m.keys.Pin, m.keys.Default)
}

func (m *Model) attemptOnMarked() Attempt {
	a := Attempt{flow.Deletion(), len(m.marked)}
	for _, ref := range m.marked {
		if a.Flows = append(a.Flows, ref); len(a.Flows) == mostAttempted {
			break
		}
	}
	return a
}

func refsOf(flows []*flow.Flow) (refs []flow.Ref) {
	for _, f := range flows {
		refs = append(refs, f.Ref())
	}
	return refs
}
