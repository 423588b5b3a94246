package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// Attempt is an act that the operator's role does not allow, or that the source
// cannot do.
type Attempt struct {
	Act AttemptedAct
	// Flows are some of those that it was tried on, Count how many there were.
	Flows []flow.Ref
	Count int
	// Timeout is the name of the one to be changed, for AttemptTimeout.
	Timeout string
}

// AttemptedAct is what was tried.
type AttemptedAct uint8

// What can be tried.
const (
	AttemptDelete AttemptedAct = iota
	AttemptFlowTimeout
	AttemptTimeout
)

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
		return Attempt{Act: AttemptTimeout, Timeout: name.String()}, key.Matches(msg, m.keys.Edit, m.keys.DefaultTimeout)
	case m.view != viewFlows:
		return a, false
	case key.Matches(msg, m.keys.DeleteAll):
		rows := m.flows.Rows()
		return Attempt{Flows: refsOf(rows[:min(len(rows), mostAttempted)]), Count: len(rows)}, true
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
	a = Attempt{Flows: []flow.Ref{f.Ref()}, Count: 1}
	if key.Matches(msg, m.keys.Delete) {
		return a, true
	}
	a.Act = AttemptFlowTimeout
	return a, key.Matches(msg, m.keys.Longer, m.keys.Shorter, m.keys.Pin, m.keys.Default)
}

func (m *Model) attemptOnMarked() Attempt {
	a := Attempt{Count: len(m.marked)}
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
