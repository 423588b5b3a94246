// Package acting changes flows for the pages that show them: it deletes them and
// gives them timeouts, after a question if that may end any, and it copies them and
// filters for flows like them.
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

// ErrShownOnly answers every act if there is nobody to carry it out.
var ErrShownOnly = errors.New("what is shown here cannot be changed")

// Options say what acting needs besides the frame.
type Options struct {
	// Actor carries acts out. Without one nothing can be changed.
	Actor flow.Actor
	// Copy puts a text on the clipboard of the terminal that the console is
	// seen on.
	Copy func(text string)
	// NotedElsewhere is set if somebody else tells of every act, so that it
	// must not be noted here.
	NotedElsewhere bool
}

// Acts are the acts of one console.
type Acts struct {
	frame   *page.Frame
	options Options

	pending pendingTimeout
	copied  copied
	deleted deletion
}

// New returns the acts of a console.
func New(f *page.Frame, o Options) *Acts { return &Acts{frame: f, options: o} }

// outcome is what became of an act.
type outcome struct {
	text string
	err  error
	// note is the line for the log of events, empty if nothing was changed.
	note string
	// timeout is the timeout that a flow was given.
	timeout pendingTimeout
	// deleted are the flows that were to be deleted.
	deleted []flow.Ref
	// ended are the flows that were to be reset.
	ended []flow.Ref
}

// act returns a command that carries out an act and says what became of it. An act
// that was confirmed is finished even if the console ends meanwhile.
func (a *Acts) act(act flow.Act, say func(flow.Outcome, error) outcome) tea.Cmd {
	return work.Do(func() outcome {
		if a.options.Actor == nil {
			return outcome{err: ErrShownOnly}
		}
		return say(a.options.Actor.Act(context.Background(), act))
	}, a.finish)
}

// finish tells what became of an act.
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

// unseen says that a paused screen does not show what was done to flows.
func (a *Acts) unseen(o outcome) string {
	if a.frame.Paused && (o.deleted != nil || o.ended != nil || o.timeout.id != 0) {
		return "; paused: p shows it"
	}
	return ""
}

// Flow is a flow that keys act on. Ended is set if the page knows that it has ended.
type Flow struct {
	*flow.Flow
	Ended bool
}

// HandleKey takes the keys that act on one flow.
func (a *Acts) HandleKey(msg tea.KeyMsg, f Flow) (cmd tea.Cmd, ok bool) {
	k := a.frame.Keys
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

// Attempt returns what a key would do to a flow.
func (a *Acts) Attempt(msg tea.KeyMsg, f *flow.Flow) (page.Attempt, bool) {
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

// living returns a flow as it is now, which a paused console does not show. If the
// flow has ended, it warns and returns nil.
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

// Update takes a message. After every look at the source it looks for deleted flows.
func (a *Acts) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(page.Polled); ok {
		return a.lookForReturned()
	}
	return nil
}
