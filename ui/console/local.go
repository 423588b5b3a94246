package console

import (
	"time"

	"ctop/tracker/flow"
)

// Local carries out the acts of the operator at the machine itself. It writes them to
// the audit log, if there is one, and shows them among the events: it is a
// [ui.Sessions] of one.
type Local struct {
	audited
	board
}

// localAddress is the operator's address in the audit log.
const localAddress = "local"

// NewLocal returns a Local for an operator of that name. audit may be nil.
func NewLocal(actor flow.Actor, audit *Audit, who string, clock func() time.Time) *Local {
	l := &Local{audited: audited{
		actor: actor, log: noLog{}, clock: clock,
		by: flow.Requester{Role: Operator.String(), Name: who, Address: localAddress},
	}}
	if audit != nil {
		l.log = audit
	}
	l.notify = func(text string) { l.addNotice(clock(), "you "+text) }
	return l
}

// Present returns nobody: there is only one operator.
func (*Local) Present() []string { return nil }

// noLog is the audit log of a Local without one.
type noLog struct{}

func (noLog) Check() error { return nil }

func (noLog) Write(Entry) error { return nil }
