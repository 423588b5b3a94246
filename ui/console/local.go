package console

import (
	"errors"
	"fmt"
	"time"

	"ctop/ui"
)

// Local is the source of somebody who acts on the machine itself. What they do
// is written down, if that was asked for, and is told among their events: it is
// a [ui.Company] of one.
type Local struct {
	acting
	audit *Audit
	who   string
	clock func() time.Time

	board
}

// NewLocal returns a source for somebody of that name. audit may be nil.
func NewLocal(source ui.Source, audit *Audit, who string, clock func() time.Time) *Local {
	l := &Local{audit: audit, who: who, clock: clock}
	l.acting = acting{source: source, record: l}
	return l
}

// localAddress stands where the audit log has an operator's address.
const localAddress = "local"

func (l *Local) perform(act Act, told string, do func() (done int, err error)) error {
	if l.audit == nil {
		err := act.do(do)
		l.tell(told, err)
		return err
	}
	if err := l.audit.Check(); err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	err := act.do(do)
	act.Time, act.Role, act.Comment, act.Address = l.clock(), Operator.String(), l.who, localAddress
	l.tell(told, err)
	return errors.Join(err, l.audit.Write(act))
}

func (l *Local) tell(text string, err error) {
	if err == nil { // the console itself says what failed
		l.board.tell(l.clock(), "you "+text)
	}
}

// Present names nobody: there is only one.
func (*Local) Present() []string { return nil }
