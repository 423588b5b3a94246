package console

import (
	"time"

	"ctop/tracker/flow"
)

// Local carries out the acts of somebody at the machine itself. They are written
// down, if that was asked for, and shown among the events: it is a [ui.Sessions] of
// one.
type Local struct {
	audited
	board
}

// localAddress stands where the audit log has an operator's address.
const localAddress = "local"

// NewLocal carries out the acts of somebody of that name. audit may be nil.
func NewLocal(actor flow.Actor, audit *Audit, who string, clock func() time.Time) *Local {
	l := &Local{audited: audited{
		actor: actor, log: noLog{}, clock: clock,
		by: flow.Requester{Role: Operator.String(), Name: who, Address: localAddress},
	}}
	if audit != nil {
		l.log = audit
	}
	l.audited.tell = func(text string) { l.board.tell(clock(), "you "+text) }
	return l
}

// Present names nobody: there is only one.
func (*Local) Present() []string { return nil }

// noLog is no audit log.
type noLog struct{}

func (noLog) Check() error { return nil }

func (noLog) Write(Entry) error { return nil }
