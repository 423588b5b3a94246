package collect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// recovering is a recovery of a table of some flows, which are called a, b, c ...
type recovering struct {
	*recovery
	t    *testing.T
	rows []kernel.Row
	// most is how many events are taken, all if it is 0.
	most int
	got  []string
}

func newRecovering(t *testing.T, flows int) *recovering {
	t.Helper()
	return recoveringOf(t, filled(t, flows), flows)
}

func recoveringOf(t *testing.T, tr *fake, flows int) *recovering {
	t.Helper()
	r := &recovering{t: t}
	if err := tr.table.Rows(func(row *kernel.Row) { r.rows = append(r.rows, *row) }); err != nil {
		t.Fatal(err)
	}
	rec, err := newRecovery(tr)
	if err != nil || rec.flows.n != flows {
		t.Fatalf("%d flows at first, %v", rec.flows.n, err)
	}
	r.recovery = rec
	return r
}

func (r *recovering) id(name byte) flow.ID {
	if i := int(name - 'a'); i < len(r.rows) {
		return r.rows[i].ID
	}
	return flow.ID(1e9) + flow.ID(name)
}

// know has the state of a flow follow from the events.
func (r *recovering) know(name byte, state flow.State) {
	a := r.account(r.id(name))
	a.Origin, a.State = r.rows[0].Origin(), state
}

func (r *recovering) take(e *flow.Event) bool {
	name := byte('?')
	for n := byte('a'); n <= 'z'; n++ {
		if r.id(n) == e.ID {
			name = n
		}
	}
	text := fmt.Sprintf("%s %c", e.Type, name)
	if e.Type == flow.EventLost {
		text = fmt.Sprint("lost ", e.Lost)
	}
	if e.Recovered {
		text += fmt.Sprintf(" %s>%s", e.From, e.To)
	}
	r.got = append(r.got, text)
	return len(r.got) != r.most
}

// gives compares the events that a record gives, in any order.
func (r *recovering) gives(record kernel.Record, want ...string) {
	r.t.Helper()
	r.got = nil
	if !r.emit(&record, r.take) && r.most == 0 {
		r.t.Error("it ends")
	}
	slices.Sort(r.got)
	if !slices.Equal(r.got, want) {
		r.t.Errorf("gives %q, not %q", r.got, want)
	}
}

// event returns the record of an event, some time after the start of the reading.
func (r *recovering) event(kind flow.EventType, name byte, to flow.State, after int) kernel.Record {
	e := flow.Event{Type: kind, ID: r.id(name), To: to}
	return kernel.Record{Event: e, Ns: r.reading.clock.Ns + uint64(after)}
}

// begin marks the stream of events, and waits for the reading that this begins.
func (r *recovering) begin() {
	r.t.Helper()
	if err := r.mark(); err != nil || r.reading == nil {
		r.t.Fatalf("no reading begins: %v", err)
	}
	<-r.reading.done
}

var mark = kernel.Record{Mark: true}

// After a loss the table is read once, and what it shows is given at the second mark
// after that, when all events from before have been given. Flows with later events are
// left alone.
func TestRecovery(t *testing.T) {
	lab.Require(t)
	r := newRecovering(t, 5)
	if err := r.mark(); err != nil || r.reading != nil {
		t.Fatalf("it reads without a loss: %v", err)
	}
	r.flows.remove(r.id('a')) // its first event was lost
	for name, state := range map[byte]flow.State{'b': flow.StateNew, 'd': flow.StateNew, 'x': flow.StateEstablished, 'y': flow.StateNew} {
		r.know(name, state) // x and y have ended
	}
	r.gives(kernel.Record{Mark: true, Lost: 3}, "lost 3")
	r.begin()
	r.gives(r.event(flow.EventDestroy, 'c', flow.StateNone, 0), "destroy c")
	r.gives(r.event(flow.EventUpdate, 'd', flow.StateEstablished, 1), "update d")
	r.gives(r.event(flow.EventNew, 'z', flow.StateNew, 0), "new z")
	r.gives(r.event(flow.EventUpdate, 'y', flow.StateFinWait2, -1), "update y")
	if err := r.mark(); err != nil {
		t.Fatal(err)
	}
	r.gives(mark)
	r.gives(r.event(flow.EventUpdate, 'e', flow.StateEstablished, 5), "update e")
	r.gives(mark, "destroy x ESTABLISHED>NONE", "destroy y FIN_WAIT_2>NONE", "new a NONE>ESTABLISHED", "update b NEW>ESTABLISHED")
	// Then events and table agree.
	r.gives(mark)
	if r.reading != nil || r.flows.n != 5 {
		t.Errorf("%d flows at the end", r.flows.n)
	}
	if now := r.account(r.id('d')).State; now != flow.StateEstablished {
		t.Errorf("d is %s", now)
	}
}

// A second reading comes two seconds after the first at the earliest, and only after
// another loss. The clock is a simulated one, so a busy machine changes nothing.
func TestRecoveryPauses(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 1)
	synctest.Test(t, func(t *testing.T) { testRecoveryPauses(t, recoveringOf(t, tr, 1)) })
}

func testRecoveryPauses(t *testing.T, r *recovering) {
	t.Helper()
	r.gives(kernel.Record{Mark: true, Lost: 1}, "lost 1")
	r.begin()
	r.gives(mark)
	r.gives(mark)
	if left := time.Until(r.notBefore); left != 2*time.Second {
		t.Errorf("the next reading may come in %s", left)
	}
	r.stale = true
	if err := r.mark(); err != nil || r.reading != nil {
		t.Errorf("it reads at once: %v", err)
	}
	r.notBefore = time.Now()
	r.begin()
	r.reading.took = time.Minute // a tenth of a core at most
	r.gives(mark)
	r.gives(mark)
	if left := time.Until(r.notBefore); left != 10*time.Minute {
		t.Errorf("after a long reading the next may come in %s", left)
	}
	r.notBefore = time.Time{}
	if err := r.mark(); err != nil || r.reading != nil {
		t.Errorf("it reads without another loss: %v", err)
	}
	r.close()
}

// Who takes no more events gets none.
func TestRecoveryEnds(t *testing.T) {
	lab.Require(t)
	for _, c := range []struct {
		most int
		want string
	}{{1, "destroy"}, {2, "destroy destroy"}, {3, "destroy destroy new"}, {4, "destroy destroy new new"}} {
		r := newRecovering(t, 2)
		for _, name := range []byte("ab") {
			r.flows.remove(r.id(name))
		}
		for _, name := range []byte("xy") {
			r.know(name, flow.StateNew)
		}
		r.stale = true
		r.begin()
		r.gives(mark)
		r.most, r.got = c.most, nil
		if more := r.emit(&mark, r.take); more {
			t.Errorf("%d events: it goes on", c.most)
		}
		var kinds []string
		for _, text := range r.got {
			kind, _, _ := strings.Cut(text, " ")
			kinds = append(kinds, kind)
		}
		if got := strings.Join(kinds, " "); got != c.want {
			t.Errorf("%d events: %s, not %s", c.most, got, c.want)
		}
	}
	r := newRecovering(t, 1)
	r.most = 1
	if r.emit(&kernel.Record{Lost: 2, Event: flow.Event{Type: flow.EventNew}}, r.take) || len(r.got) != 1 {
		t.Errorf("after the loss it gives %q", r.got)
	}
}
