package acting

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
	"ctop/ui/table"
)

// pendingTimeout is a requested timeout of a flow, zero for the default. Keys use it
// until a snapshot shows it, since they may be pressed faster than snapshots arrive.
type pendingTimeout struct {
	id       flow.ID
	duration time.Duration
	// at is the time at which the timeout was set, zero before.
	at time.Time
}

// SetTimeout returns a command that changes a timeout for every flow.
func (a *Acts) SetTimeout(name flow.TimeoutName, d time.Duration) tea.Cmd {
	return a.act(flow.TimeoutChange(name, d), func(_ flow.Outcome, err error) outcome {
		text := fmt.Sprintf("%s is now %s", name, format.Timeout(d))
		return done(text, text, err)
	})
}

// SetTimeoutAt returns a command that changes a timeout at some hosts of a fleet.
func (a *Acts) SetTimeoutAt(hosts []string, name flow.TimeoutName, d time.Duration) tea.Cmd {
	act := flow.TimeoutChange(name, d)
	act.Hosts = hosts
	return a.act(act, func(o flow.Outcome, err error) outcome {
		text := fmt.Sprintf("%s is now %s at %s", name, format.Timeout(d), format.Plural(o.Done, "host"))
		if err != nil && o.Done > 0 {
			err = fmt.Errorf("%s, not everywhere: %w", text, err)
		}
		return done(text, text, err)
	})
}

// done returns the outcome of an act that was either done or not.
func done(text, note string, err error) outcome {
	if err != nil {
		return outcome{err: err}
	}
	return outcome{text: text, note: note}
}

// lengthen doubles a flow's own timeout.
func (a *Acts) lengthen(f Flow) tea.Cmd {
	now, d := a.changeable(f)
	if now == nil {
		return nil
	}
	if d >= flow.MaxFlowTimeout {
		a.frame.Tell("a flow's own timeout is at most " + format.Timeout(flow.MaxFlowTimeout))
		return nil
	}
	return a.change(now, min(2*d, flow.MaxFlowTimeout))
}

// shorten halves a flow's own timeout. If that would end the flow, it asks first.
func (a *Acts) shorten(f Flow) tea.Cmd {
	now, d := a.changeable(f)
	if now == nil {
		return nil
	}
	d = min(max((d/2).Truncate(time.Second), flow.MinTimeout), flow.MaxFlowTimeout)
	if now.Idle+a.frame.SinceLatest() < d {
		return a.change(now, d)
	}
	confirm.Ask(a.frame, confirm.Question{
		Title: "end 1 flow?",
		Lines: []string{
			table.TupleText(now),
			fmt.Sprintf("silent for longer than %s, it would expire now", format.Timeout(d)),
		},
		Verb: "shorten it", Keep: "keep it",
		Yes: a.setFlowTimeout(now.Ref(), d, "its timeout is now "+format.Timeout(d)),
	})
	return nil
}

func (a *Acts) resetTimeout(f Flow) tea.Cmd {
	now, _ := a.changeable(f)
	if now == nil {
		return nil
	}
	return a.request(now.Ref(), 0, "it has the default timeout of its state again")
}

// pin fixes a flow's present timeout. Later changes of its state or of the defaults do
// not change it.
func (a *Acts) pin(f Flow) tea.Cmd {
	now, d := a.changeable(f)
	if now == nil {
		return nil
	}
	text := "its timeout stays " + format.Timeout(d) + " in every state; 0 gives it the default again"
	if a.pinned(now) {
		a.frame.Tell(text)
		return nil
	}
	return a.request(now.Ref(), d, text)
}

// changeable returns the flow from the newest snapshot, and its timeout. If the
// timeout cannot be changed, it warns and returns nil.
func (a *Acts) changeable(f Flow) (now *flow.Flow, d time.Duration) {
	if now = a.living(f); now == nil {
		return nil, 0
	}
	if d = a.timeout(now); d <= 0 {
		a.frame.Warn("this flow is not in the table")
		return nil, 0
	}
	return now, d
}

// confirmPending records that a timeout was set. It does nothing if another timeout
// was requested since.
func (a *Acts) confirmPending(o outcome) {
	p := o.timeout
	if p.id == 0 || p.id == a.pending.id && p.duration != a.pending.duration {
		return
	}
	a.pending = p
	if o.err != nil {
		a.pending = pendingTimeout{}
	}
}

// isPending reports whether no snapshot shows the flow's requested timeout yet.
func (a *Acts) isPending(f *flow.Flow) bool {
	p, latest := a.pending, a.frame.Latest
	return p.id == f.ID && latest != nil && (p.at.IsZero() || !latest.Time.After(p.at))
}

// pinned reports whether the flow has a timeout of its own.
func (a *Acts) pinned(f *flow.Flow) bool {
	if a.isPending(f) {
		return a.pending.duration > 0
	}
	return f.OwnTimeout
}

// timeout returns the flow's timeout.
func (a *Acts) timeout(f *flow.Flow) time.Duration {
	switch {
	case !a.isPending(f):
		return f.Timeout
	case a.pending.duration > 0 || int(f.TimeoutName) >= len(a.frame.Latest.Timeouts):
		return a.pending.duration
	}
	return a.frame.Latest.Timeouts[f.TimeoutName]
}

func (a *Acts) change(f *flow.Flow, d time.Duration) tea.Cmd {
	text := fmt.Sprintf("its timeout is now %s, was %s", format.Timeout(d), format.Timeout(a.timeout(f)))
	return a.request(f.Ref(), d, text)
}

// request returns a command that sets a flow's timeout. Keys use the new timeout at
// once.
func (a *Acts) request(ref flow.Ref, d time.Duration, text string) tea.Cmd {
	a.pending = pendingTimeout{id: ref.ID, duration: d}
	return a.setFlowTimeout(ref, d, text)
}

// setFlowTimeout returns a command that sets a flow's timeout.
func (a *Acts) setFlowTimeout(ref flow.Ref, d time.Duration, text string) tea.Cmd {
	clock := a.frame.Clock
	return a.act(flow.OwnTimeoutChange(ref, d), func(_ flow.Outcome, err error) outcome {
		note := "timeout of " + ref.Tuple.String() + ": the default again"
		if d > 0 {
			note = "timeout of " + ref.Tuple.String() + ": " + format.Timeout(d)
		}
		o := done(text, note, err)
		o.timeout = pendingTimeout{id: ref.ID, duration: d, at: clock()}
		return o
	})
}
