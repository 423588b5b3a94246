// Package acting changes flows for the pages that show them. It deletes and resets
// flows and sets their timeouts, and asks first if that may end a flow. It also copies
// flows, and filters for similar ones.
package acting

import (
	"context"
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// ErrShownOnly is the error of every act in a console without an actor.
var ErrShownOnly = errors.New("what is shown here cannot be changed")

// Options configure the acts.
type Options struct {
	// Actor does the acts. Without it, nothing can be changed.
	Actor flow.Actor
	// Copy puts a text on the clipboard of the operator's terminal.
	Copy func(text string)
	// Capturer captures packets. Without it, there are none.
	Capturer Capturer
	// View returns the command that shows what is shown, nil if there is none.
	View func() string
	// NotedElsewhere is set if other code adds a notice for every act.
	NotedElsewhere bool
}

// Acts are the acts of one console.
type Acts struct {
	frame   *page.Frame
	options Options

	pending pendingTimeout
	copied  copied
	deleted deletion
	capture capturing
}

// New returns the acts of a console.
func New(f *page.Frame, o Options) *Acts { return &Acts{frame: f, options: o} }

// outcome is the result of an act.
type outcome struct {
	text string
	err  error
	// note is the line for the log of events, empty if nothing was changed.
	note string
	// timeout is the new timeout of a flow.
	timeout pendingTimeout
	// deleted are the flows of a deletion.
	deleted []flow.Ref
	// ended are the flows of a reset.
	ended []flow.Ref
}

// act returns a command that does an act and shows its result. A confirmed act is
// finished even if the console ends meanwhile.
func (a *Acts) act(act flow.Act, say func(flow.Outcome, error) outcome) tea.Cmd {
	return work.Do(func() outcome {
		if a.options.Actor == nil {
			return outcome{err: ErrShownOnly}
		}
		return say(a.options.Actor.Act(context.Background(), act))
	}, a.finish)
}

// finish shows the result of an act.
func (a *Acts) finish(o outcome) tea.Cmd {
	cmd := a.frame.Report(o.text+a.unseen(o), o.err)
	a.confirmPending(o)
	if o.deleted != nil && o.err == nil {
		a.expectReturn(o.deleted, o.text)
		a.deleted.said += a.unseen(o)
	}
	if !a.options.NotedElsewhere {
		a.frame.Note(o.note)
	}
	return cmd
}

// unseen returns a note that a paused screen does not show an act's effect, or an
// empty text.
func (a *Acts) unseen(o outcome) string {
	if a.frame.Paused && (o.deleted != nil || o.ended != nil || o.timeout.id != 0) {
		return "; paused: p shows it"
	}
	return ""
}

// Flow is the flow that keys act on. Ended is set if the page knows that it has ended.
type Flow struct {
	*flow.Flow
	Ended bool
}

// HandleKey handles the keys that act on one flow.
func (a *Acts) HandleKey(msg tea.KeyMsg, f Flow) (cmd tea.Cmd, ok bool) {
	k := a.frame.Keys
	if key.Matches(msg, k.Capture) && f.Flow != nil && !a.capture.Running {
		if now := a.living(f); now != nil {
			return a.HandleCapture(msg, now.Ref())
		}
		return nil, true
	}
	if !key.Matches(msg, k.Delete, k.Reset, k.Longer, k.Shorter, k.Default, k.Copy, k.Pin, k.Like) {
		return nil, false
	}
	switch {
	case f.Flow == nil:
		a.frame.WarnNoFlow()
	case key.Matches(msg, k.Delete):
		a.askDelete(f)
	case key.Matches(msg, k.Reset):
		a.askReset(f)
	case key.Matches(msg, k.Longer):
		return a.lengthen(f), true
	case key.Matches(msg, k.Shorter):
		return a.shorten(f), true
	case key.Matches(msg, k.Default):
		return a.resetTimeout(f), true
	case key.Matches(msg, k.Copy):
		return a.Copy(f.ID, f.Tuple), true
	case key.Matches(msg, k.Pin):
		return a.pin(f), true
	case key.Matches(msg, k.Like):
		return a.Like(f.Tuple), true
	}
	return nil, true
}

// Attempt returns the act of a key on a flow.
func (a *Acts) Attempt(msg tea.KeyMsg, f *flow.Flow) (page.Attempt, bool) {
	if try, ok := a.attemptCapture(msg, f); ok {
		return try, true
	}
	k := a.frame.Keys
	switch {
	case f == nil:
		return page.Attempt{}, false
	case key.Matches(msg, k.Delete):
		return page.Attempt{Act: flow.Deletion(f.Ref()), Count: 1}, true
	case key.Matches(msg, k.Reset):
		return page.Attempt{Act: flow.Reset(f.Ref()), Count: 1}, true
	}
	return page.Attempt{Act: flow.OwnTimeoutChange(f.Ref(), 0), Count: 1},
		key.Matches(msg, k.Longer, k.Shorter, k.Pin, k.Default)
}

// living returns the flow from the newest snapshot, even if the console is paused. If
// the flow has ended, it warns and returns nil.
func (a *Acts) living(f Flow) *flow.Flow {
	now := f.Flow
	if a.frame.Paused && a.frame.Latest != nil {
		now = order.Find(a.frame.Latest, f.ID)
	}
	if now == nil || f.Ended || a.frame.Ended.Has(f.ID) {
		a.frame.Warn("this flow has ended already")
		return nil
	}
	return now
}

// Update handles a message. After every look at the source it searches for deleted
// flows that came back.
func (a *Acts) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(page.Polled); ok {
		return a.lookForReturned()
	}
	return nil
}
