package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui"
)

// errViewer is what a viewer's acts are answered with.
var errViewer = errors.New("viewer: read only")

// auditLog keeps a line of every act.
type auditLog interface {
	// Check reports whether a line could be written now.
	Check() error
	// Write adds a line.
	Write(Entry) error
}

// audited carries out the acts of one person and writes them to the audit log. If the
// log cannot be written, it refuses the act.
type audited struct {
	actor flow.Actor
	by    flow.Requester
	log   auditLog
	clock func() time.Time
	// notify adds a notice for other operators.
	notify func(text string)
	// fleet is set if the flows are those of other hosts.
	fleet bool
}

// Act implements [flow.Actor]. It says in the act who asks for it.
func (a audited) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	if err := a.log.Check(); err != nil {
		return flow.Outcome{}, fmt.Errorf("refused: %w", err)
	}
	act.By = a.by
	outcome, err := a.actor.Act(ctx, act)
	if err == nil {
		a.notify(noticeOf(act))
	}
	e := entryOf(act, value(act))
	e.Time, e.Done, e.Fleet = a.clock(), outcome.Done, a.fleet
	if err != nil {
		e.Error = err.Error()
	}
	return outcome, errors.Join(err, a.log.Write(e))
}

// refusing refuses the acts of one person and writes the attempts to the audit log,
// up to a number of lines per minute.
type refusing struct {
	by    flow.Requester
	log   auditLog
	lines *thinned
	clock func() time.Time
}

// Act implements [flow.Actor].
func (r refusing) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	act.By = r.by
	return flow.Outcome{}, r.refuse(entryOf(act, value(act)))
}

// attempt refuses an act at its key, before a value was chosen.
func (r refusing) attempt(tried ui.Attempt) error {
	tried.By = r.by
	e := entryOf(tried.Act, "")
	e.Count = tried.Count
	if tried.What != "" {
		e.What = []string{tried.What}
	}
	return r.refuse(e)
}

// refuse writes the attempt to the audit log and returns the reason for the refusal.
func (r refusing) refuse(e Entry) error {
	omitted, ok := r.lines.next(r.clock())
	if !ok {
		return errViewer
	}
	e.Time, e.Error, e.Omitted = r.clock(), errViewer.Error(), omitted
	_ = r.log.Write(e) // nothing was done, and the log reports its own failure
	return errViewer
}

// mostNamed is how many flows a line of the audit log names. Count has the number of
// all of them.
const mostNamed = 100

// entryOf returns the line of the audit log about an act. The value follows the
// name of everything that the act changes.
func entryOf(act flow.Act, value string) Entry {
	e := Entry{
		Role: act.By.Role, Fingerprint: act.By.Fingerprint, Comment: act.By.Name, Address: act.By.Address,
		Act: act.Kind.String(), What: []string{}, Count: len(act.Flows),
	}
	if act.Kind == flow.ActTimeout {
		e.What, e.Count = append(e.What, act.Timeout.String()+value), 1
	}
	for _, ref := range act.Flows[:min(len(act.Flows), mostNamed)] {
		e.What = append(e.What, ref.Tuple.String()+value)
	}
	return e
}

// value returns what an act sets, as in "=30s", empty if it sets nothing.
func value(act flow.Act) string {
	switch act.Kind {
	case flow.ActDelete, flow.ActReset, flow.ActCapture:
		return ""
	}
	return "=" + format.Timeout(act.Duration)
}

// noticeOf describes an act that was carried out, for the events view of other operators.
func noticeOf(act flow.Act) string {
	switch {
	case act.Kind == flow.ActTimeout:
		return "set " + act.Timeout.String() + value(act)
	case act.Kind == flow.ActReset:
		return "reset " + flowsOf(act)
	case act.Kind == flow.ActDelete:
		return "deleted " + flowsOf(act)
	case act.Duration > 0:
		return "gave " + act.Flows[0].Tuple.String() + " a timeout of " + format.Timeout(act.Duration)
	}
	return "gave " + act.Flows[0].Tuple.String() + " the default timeout again"
}

// flowsOf names the flow that an act is about, or counts them.
func flowsOf(act flow.Act) string {
	if len(act.Flows) == 1 {
		return act.Flows[0].Tuple.String()
	}
	return format.Plural(len(act.Flows), "flow")
}
