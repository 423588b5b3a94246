package detail_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/detail"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/trace"
)

// asked is a fleet that is asked for conversations.
type asked struct {
	*fake.Frame
	page      *detail.Page
	questions []page.Everywhere
	answer    *flow.Snapshot
	trouble   string
	err       error
	gone      string
}

func fleetSnapshot(flows ...flow.Flow) *flow.Snapshot {
	s := fake.Snapshot(fake.Start, flows)
	s.Interfaces = []flow.Interface{{Name: "eth0", Host: "a", Uptime: time.Hour}, {Name: "eth1", Host: "b", Uptime: time.Hour}}
	return s
}

// openInFleet opens the page of a flow of host a.
func openInFleet(of flow.Flow, others ...flow.Flow) *asked {
	a := &asked{Frame: fake.NewFrame(of)}
	a.Latest = fleetSnapshot(of)
	a.Latest.Translations = []flow.Tuple{fake.Flow(3).Tuple}
	a.Target, a.Shown = a.Latest, a.Latest
	a.answer = fleetSnapshot(append([]flow.Flow{of}, others...)...)
	a.Everywhere = func(q page.Everywhere) (*flow.Snapshot, string, error) {
		a.questions = append(a.questions, q)
		return a.answer, a.trouble, a.err
	}
	a.Away = func(string) string { return a.gone }
	a.SetTabs(page.Tab{Title: "Flows", Page: page.Base{}})
	a.page = detail.New(a.Frame.Frame, acting.New(a.Frame.Frame, acting.Options{}), &trace.Traces{}, &of)
	a.Push(a.page)
	a.page.SetSize(120, 60)
	a.Send(page.ShownChanged{Watched: &a.Shown.Flows[0]})
	a.Send(page.FlowOpened{})
	a.page.SetSize(120, 60)
	return a
}

// looks lets time pass and looks again. The flow is among the rows if it is shown.
func (a *asked) looks(d time.Duration, shown bool) {
	a.Now = a.Now.Add(d)
	var watched *flow.Flow
	if shown {
		watched = &a.Shown.Flows[0]
	}
	a.Send(page.ShownChanged{Watched: watched})
	a.Send(page.Polled{})
	a.page.SetSize(120, 60)
}

// at returns a flow of host b with the tuple of another one.
func at(of flow.Flow, id flow.ID, packets uint64) flow.Flow {
	of.ID, of.In, of.Origin.Packets = id, 1, packets
	return of
}

// The hosts of a fleet are asked every five seconds, what each of them sees is shown, and what
// one of them lacks.
func TestConversationOfHosts(t *testing.T) {
	of := fake.Flow(0)
	of.Age = time.Minute
	a := openInFleet(of, at(of, 50, of.Origin.Packets))
	if len(a.questions) != 1 || a.questions[0].Flow.ID != of.ID || a.questions[0].Other != nil {
		t.Fatalf("it asks %+v", a.questions)
	}
	shows(t, a.page, "hosts ORIGIN PKTS BYTES REPLY PKTS BYTES a eth0", "b eth1")
	hides(t, a.page, "! ")
	a.looks(4900*time.Millisecond, true)
	if len(a.questions) != 1 {
		t.Errorf("it asks %d times within five seconds", len(a.questions))
	}
	a.trouble = "c did not answer"
	of.Origin.Packets += 1000
	a.answer = fleetSnapshot(of, at(of, 50, 1))
	a.looks(100*time.Millisecond, true)
	if len(a.questions) != 2 {
		t.Errorf("it asks %d times after five seconds", len(a.questions))
	}
	shows(t, a.page, "a eth0 1,001", "c did not answer.")
	a.Paused = true
	a.looks(time.Minute, true)
	if len(a.questions) != 2 {
		t.Error("it asks while it is paused")
	}
}

// A flow that nobody else sees, or of which nobody knows, is said to be so.
func TestNoOtherHost(t *testing.T) {
	a := openInFleet(fake.Flow(0))
	shows(t, a.page, "hosts no other host sees it")
	a.err = errors.New("no hub")
	a.looks(time.Minute, true)
	shows(t, a.page, "hosts not known: no hub")
	var lines []string
	for _, line := range a.page.Lines() {
		if strings.Contains(line, "hosts") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Errorf("it names hosts in %q", lines)
	}
}

// A translated flow is asked for by both of its tuples.
func TestOtherTuple(t *testing.T) {
	of := fake.Flow(0)
	of.NAT = 1
	a := openInFleet(of)
	if len(a.questions) != 1 || a.questions[0].Other == nil || *a.questions[0].Other != fake.Flow(3).Tuple {
		t.Errorf("it asks %+v", a.questions)
	}
}

// What is shown of a flow that is no longer among the rows is what its host says now. It is old
// if the host is gone, or has the flow no longer.
func TestOldFacts(t *testing.T) {
	of := fake.Flow(0)
	a := openInFleet(of)
	const old = "the last that it said is shown"
	hides(t, a.page, old)
	newer := of
	newer.Origin.Packets = 4711
	a.answer = fleetSnapshot(newer)
	a.looks(time.Minute, false)
	hides(t, a.page, old)
	if got := a.page.Flow().Origin.Packets; got != 4711 {
		t.Errorf("it shows %d packets", got)
	}
	a.answer = fleetSnapshot()
	a.looks(time.Minute, false)
	shows(t, a.page, "a has this flow no longer: "+old)
	a.trouble = "a did not answer"
	a.looks(time.Minute, false)
	hides(t, a.page, old)
	a.trouble, a.err = "", errors.New("no hub")
	a.looks(time.Minute, false)
	hides(t, a.page, old)
	a.err, a.gone = nil, "a is gone"
	a.looks(time.Minute, false)
	shows(t, a.page, "a is gone: "+old)
	a.gone = ""
	a.looks(time.Minute, true)
	hides(t, a.page, old)
}
