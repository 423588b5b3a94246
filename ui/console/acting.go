package console

import (
	"errors"
	"fmt"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui"
)

// errViewer is what a viewer's acting keys answer.
var errViewer = errors.New("viewer: read only")

// viewing is a source that nothing can be done to, and that writes down what was
// tried. It names every method instead of embedding the source: an act that the
// interface gets later has to be refused here before this compiles.
type viewing struct {
	source ui.Source
	refuse func(Act) error
}

func (v viewing) Snapshot() *flow.Snapshot { return v.source.Snapshot() }

func (v viewing) Events(after uint64) ([]flow.Event, uint64) { return v.source.Events(after) }

func (v viewing) Delete(refs ...flow.Ref) (flow.DeleteResult, error) {
	return flow.DeleteResult{}, v.refuse(deletion(refs))
}

func (v viewing) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	return v.refuse(timeoutChange(name, d))
}

func (v viewing) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	return v.refuse(flowTimeoutChange(ref, d))
}

// acting is a source that writes down what is done to it.
type acting struct {
	source ui.Source
	record recorder
}

// recorder writes acts down.
type recorder interface {
	// perform does what cannot be done without being written down: where the
	// audit log cannot be written to, nothing is done. told is what others
	// get to read of it.
	perform(act Act, told string, do func() (done int, err error)) error
}

func (a acting) Snapshot() *flow.Snapshot { return a.source.Snapshot() }

func (a acting) Events(after uint64) ([]flow.Event, uint64) { return a.source.Events(after) }

// What the audit log calls acts.
const actDelete, actTimeout, actFlowTimeout = "delete", "timeout", "flow_timeout"

// mostNamed is how many flows a line of the audit log names. The count is
// complete, and a million tuples would help nobody.
const mostNamed = 100

func deletion(refs []flow.Ref) Act {
	act := Act{Act: actDelete, What: []string{}, Count: len(refs)}
	for _, ref := range refs[:min(len(refs), mostNamed)] {
		act.What = append(act.What, ref.Tuple.String())
	}
	return act
}

func timeoutChange(name flow.TimeoutName, d time.Duration) Act {
	return Act{Act: actTimeout, What: []string{fmt.Sprintf("%s=%s", name, format.Timeout(d))}, Count: 1}
}

func flowTimeoutChange(ref flow.Ref, d time.Duration) Act {
	return Act{Act: actFlowTimeout, What: []string{fmt.Sprintf("%s=%s", ref.Tuple, format.Timeout(d))}, Count: 1}
}

func (a acting) Delete(refs ...flow.Ref) (result flow.DeleteResult, err error) {
	told := "deleted " + flows(len(refs))
	if len(refs) == 1 {
		told = "deleted " + refs[0].Tuple.String()
	}
	err = a.record.perform(deletion(refs), told, func() (int, error) {
		result, err = a.source.Delete(refs...)
		return result.Deleted, err
	})
	return result, err
}

func (a acting) SetTimeout(name flow.TimeoutName, d time.Duration) error {
	act := timeoutChange(name, d)
	return a.record.perform(act, "set "+act.What[0], func() (int, error) {
		return 1, a.source.SetTimeout(name, d)
	})
}

func (a acting) SetFlowTimeout(ref flow.Ref, d time.Duration) error {
	told := "gave " + ref.Tuple.String() + " the default timeout again"
	if d > 0 {
		told = "gave " + ref.Tuple.String() + " a timeout of " + format.Timeout(d)
	}
	return a.record.perform(flowTimeoutChange(ref, d), told, func() (int, error) {
		return 1, a.source.SetFlowTimeout(ref, d)
	})
}

// person is somebody who came over SSH. What he does is written down, and the
// other operators are told.
type person struct {
	who    identity
	server *Server
}

func (o person) perform(act Act, told string, do func() (done int, err error)) error {
	if err := o.server.options.Audit.Check(); err != nil {
		o.server.log.Error("refused an act", "who", o.who.key.Name(), "error", err)
		return fmt.Errorf("refused: %w", err)
	}
	err := act.do(do)
	o.who.sign(&act, o.server.clock())
	if failed := o.server.options.Audit.Write(act); failed != nil {
		o.server.log.Error("an act is missing from the audit log", "act", act, "error", failed)
		return errors.Join(err, failed)
	}
	if err == nil {
		o.server.roster.tell(o.who.key.Name() + " " + told)
	}
	o.server.counters.acts.Add(1)
	return err
}

// refuse writes down what a viewer tried, and returns why nothing was done.
func (o person) refuse(act Act) error {
	s := o.server
	omitted, ok := s.refusals.of(o.who.key.Fingerprint).next(s.clock())
	if !ok {
		return errViewer
	}
	act.Error, act.Omitted = errViewer.Error(), omitted
	o.who.sign(&act, s.clock())
	if err := s.options.Audit.Write(act); err != nil {
		s.log.Error("a refused act is missing from the audit log", "act", act, "error", err)
		return errViewer
	}
	s.counters.acts.Add(1)
	return errViewer
}

// refuseAttempt does the same where a console knows that it will be refused.
func (o person) refuseAttempt(a ui.Attempt) error {
	act := deletion(a.Flows)
	act.Count = a.Count
	switch a.Act {
	case ui.AttemptFlowTimeout:
		act.Act = actFlowTimeout
	case ui.AttemptTimeout:
		act.Act, act.What, act.Count = actTimeout, []string{a.Timeout}, 1
	}
	return o.refuse(act)
}

// do does it, and notes what came of it.
func (a *Act) do(do func() (done int, err error)) error {
	done, err := do()
	if err != nil {
		done, a.Error = 0, err.Error()
	}
	a.Done = done
	return err
}

func flows(n int) string {
	if n == 1 {
		return "1 flow"
	}
	return fmt.Sprintf("%d flows", n)
}
