package console

import (
	"errors"
	"fmt"
	"time"

	"ctop/tracker"
	"ctop/ui"
	"ctop/ui/format"
)

// errViewer is what a viewer's acting keys answer.
var errViewer = errors.New("viewer: read only")

// viewing is a source that nothing can be done to. It names every method
// instead of embedding the source: an act that the interface gets later has to
// be refused here before this compiles.
type viewing struct{ source ui.Source }

func (v viewing) Snapshot() *tracker.Snapshot { return v.source.Snapshot() }

func (v viewing) Events(after uint64) ([]tracker.Event, uint64) { return v.source.Events(after) }

func (viewing) Delete(...tracker.Ref) (tracker.DeleteResult, error) {
	return tracker.DeleteResult{}, errViewer
}

func (viewing) SetTimeout(tracker.TimeoutName, time.Duration) error { return errViewer }

func (viewing) SetFlowTimeout(tracker.Ref, time.Duration) error { return errViewer }

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

func (a acting) Snapshot() *tracker.Snapshot { return a.source.Snapshot() }

func (a acting) Events(after uint64) ([]tracker.Event, uint64) { return a.source.Events(after) }

// mostNamed is how many flows a line of the audit log names. The count is
// complete, and a million tuples would help nobody.
const mostNamed = 100

func (a acting) Delete(refs ...tracker.Ref) (result tracker.DeleteResult, err error) {
	act := Act{Act: "delete", What: []string{}, Count: len(refs)}
	for _, ref := range refs[:min(len(refs), mostNamed)] {
		act.What = append(act.What, ref.Tuple.String())
	}
	told := "deleted " + flows(len(refs))
	if len(refs) == 1 {
		told = "deleted " + refs[0].Tuple.String()
	}
	err = a.record.perform(act, told, func() (int, error) {
		result, err = a.source.Delete(refs...)
		return result.Deleted, err
	})
	return result, err
}

func (a acting) SetTimeout(name tracker.TimeoutName, d time.Duration) error {
	what := fmt.Sprintf("%s=%s", name, d)
	act := Act{Act: "timeout", What: []string{what}, Count: 1}
	return a.record.perform(act, "set "+what, func() (int, error) {
		return 1, a.source.SetTimeout(name, d)
	})
}

func (a acting) SetFlowTimeout(ref tracker.Ref, d time.Duration) error {
	what := fmt.Sprintf("%s=%s", ref.Tuple, d)
	act := Act{Act: "flow_timeout", What: []string{what}, Count: 1}
	told := "gave " + ref.Tuple.String() + " the default timeout again"
	if d > 0 {
		told = "gave " + ref.Tuple.String() + " a timeout of " + format.Timeout(d)
	}
	return a.record.perform(act, told, func() (int, error) {
		return 1, a.source.SetFlowTimeout(ref, d)
	})
}

// operator is somebody who came over SSH and may act. The other operators are
// told.
type operator struct {
	who    identity
	server *Server
}

func (o operator) perform(act Act, told string, do func() (done int, err error)) error {
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
