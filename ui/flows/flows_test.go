package flows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/flows"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/trace"
)

type actor struct{ f *fake.Frame }

func (a actor) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	a.f.Acts = append(a.f.Acts, act)
	return flow.Outcome{Done: len(act.Flows)}, nil
}

// newPage returns a page with a frame that shows flows.
func newPage(o flows.Options, list ...flow.Flow) (*fake.Frame, *flows.Page) {
	f := fake.NewFrame(list...)
	f.Width = 120
	p := flows.New(f.Frame, acting.New(f.Frame, acting.Options{Actor: actor{f}, Copy: func(string) {}}), &trace.Traces{}, o)
	f.With(p)
	if list != nil {
		f.Shown = nil
		f.Send(page.SnapshotTaken{})
		f.Send(page.Polled{})
	}
	return f, p
}

// publish shows other flows, a second later.
func publish(f *fake.Frame, list []flow.Flow, events ...flow.Event) {
	f.Now = f.Now.Add(time.Second)
	f.Latest = fake.Snapshot(f.Now, list)
	if !f.Paused {
		f.Target = f.Latest
	}
	f.Send(page.SnapshotTaken{})
	f.Send(page.EventsTaken{All: events, Shown: events})
	f.Send(page.Polled{})
}

func ids(p *flows.Page) (list []int) {
	for _, f := range p.Rows() {
		list = append(list, int(f.ID))
	}
	return list
}

func destroyed(i int, at time.Time) flow.Event {
	f := fake.Flow(i)
	return flow.Event{Type: flow.EventDestroy, Time: at, ID: f.ID, Tuple: f.Tuple, From: f.State, Reason: flow.ReasonRST, Origin: f.Origin}
}

func TestEndedFlows(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	publish(f, fake.Flows(2), destroyed(2, f.Now))
	if got := ids(p); !slices.Contains(got, 3) || !slices.Equal(p.Facts(), []string{"2/2"}) {
		t.Errorf("the flows are %v, facts %q", got, p.Facts())
	}
	publish(f, fake.Flows(2))
	publish(f, fake.Flows(2))
	publish(f, fake.Flows(2))
	if got := ids(p); len(got) != 2 {
		t.Errorf("the flows are %v", got)
	}
	f.Press("/", "state:ended", "enter")
	if got := p.Facts(); !slices.Equal(got, []string{"filter: state:ended", "1 ended", "0/2"}) {
		t.Errorf("facts are %q", got)
	}
	// One that ends while the filter looks for it comes at once.
	publish(f, fake.Flows(1), destroyed(1, f.Now.Add(-time.Minute)))
	if got := ids(p); len(got) != 2 {
		t.Errorf("the flows are %v", got)
	}
	f.Now = f.Now.Add(6 * time.Minute)
	f.Send(page.Polled{})
	if got := ids(p); len(got) != 0 {
		t.Errorf("the flows are %v", got)
	}
}

func TestRecoveredEndsAreNotShown(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	e := destroyed(2, f.Now)
	e.Recovered = true
	publish(f, fake.Flows(2), e)
	if got := ids(p); len(got) != 2 {
		t.Errorf("the flows are %v", got)
	}
}

func TestPause(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	f.Run(f.TogglePause())
	later := fake.Flows(5)[1:]
	later[0].State = flow.StateTimeWait
	publish(f, later, destroyed(0, f.Now))
	publish(f, later)
	if got := ids(p); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("paused, the flows are %v", got)
	}
	f.Run(f.TogglePause())
	if got := ids(p); len(got) != 4 || f.Said() != "after 2s: 2 flows came, 1 went, 1 changed state; M shows them" {
		t.Errorf("going on, the flows are %v, said %q", got, f.Said())
	}
	f.Run(f.TogglePause())
	f.Run(f.TogglePause())
	if got := f.Said(); got != "after 0s: 0 flows came, 0 went, 0 changed state" {
		t.Errorf("where nothing changed, said %q", got)
	}
}

func TestExport(t *testing.T) {
	var wrote int
	var fails error
	f, _ := newPage(flows.Options{Export: func(_ *flow.Snapshot, list []*flow.Flow) (string, error) {
		wrote = len(list)
		return "flows.json", fails
	}}, fake.Flows(10)...)
	publish(f, fake.Flows(9), destroyed(9, f.Now))
	if f.Press("e"); wrote != 9 || f.Said() != "wrote 9 flows to flows.json" {
		t.Errorf("wrote %d, said %q", wrote, f.Said())
	}
	if f.Press("/", "state:ended", "enter", "e"); wrote != 1 {
		t.Errorf("wrote %d", wrote)
	}
	fails = errors.New("flows.json: no space")
	if f.Press("e"); f.Said() != "flows.json: no space" {
		t.Errorf("said %q", f.Said())
	}
	f, _ = newPage(flows.Options{ExportElsewhere: func(filter string) string { return "ssh " + filter }}, fake.Flows(1)...)
	if f.Press("/", "tcp", "enter", "e"); f.Said() != "export: ssh tcp" {
		t.Errorf("said %q", f.Said())
	}
	wrote = 0
	f, _ = newPage(flows.Options{Export: func(*flow.Snapshot, []*flow.Flow) (string, error) { wrote++; return "", nil }})
	if f.Press("e"); wrote != 0 {
		t.Error("wrote before the first snapshot")
	}
}

func TestEscTakesBackOneThingAtATime(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(10)...)
	f.Press("/", "tcp", "enter")
	f.Run(f.Narrow("tcp dport:443"))
	f.Press("space")
	for _, want := range []string{"1 tcp dport:443 page", "0 tcp dport:443 page", "0 tcp ", "0  "} {
		marked := 0
		if strings.HasSuffix(strings.Join(p.Facts(), " "), "") && slices.ContainsFunc(p.Facts(), func(s string) bool { return strings.HasSuffix(s, " marked") }) {
			marked = 1
		}
		if got := fmt.Sprint(marked, " ", f.FilterText(), " ", f.CameFrom()); got != want {
			t.Errorf("%q, not %q", got, want)
		}
		f.Press("esc")
	}
}

func TestHintsAndAside(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(10)...)
	if got := p.Hints()[0].Does; got != "filter" {
		t.Errorf("the first hint is %q", got)
	}
	f.Run(f.Narrow("tcp"))
	if got := p.Hints()[0].Does; got != "back to page" {
		t.Errorf("the first hint is %q", got)
	}
	if a := p.Aside(); a.Narrow || a.Terse || a.Facts != "" || a.Tuple != "tcp 10.0.0.0:40000 → 192.168.1.10:443" {
		t.Errorf("%+v", a)
	}
	p.SetSize(38, 20)
	if a := p.Aside(); !a.Narrow || !a.Terse || !strings.HasPrefix(a.Facts, "ESTABLISHED ") {
		t.Errorf("%+v", a)
	}
	if f.Press("enter"); f.Flow == nil || f.Flow.ID != 1 {
		t.Errorf("opened %+v", f.Flow)
	}
	if got := len(p.Addresses()); got != 2*len(p.Rows()) {
		t.Errorf("%d addresses of %d flows", got, len(p.Rows()))
	}
	empty, _ := newPage(flows.Options{})
	if !strings.Contains(empty.Screen(), "waiting for the first snapshot") {
		t.Errorf("%s", empty.Screen())
	}
}

func TestHintsThatAct(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(10)...)
	acting := func() (does []string) {
		for _, h := range p.Hints() {
			if h.Acts {
				does = append(does, h.Does)
			}
		}
		return does
	}
	if got := acting(); !slices.Equal(got, []string{"delete", "mark", "capture"}) {
		t.Errorf("%q", got)
	}
	f.Run(f.Narrow("tcp"))
	if got := acting(); !slices.Equal(got, []string{"delete", "delete all"}) {
		t.Errorf("%q", got)
	}
}

func TestUnits(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	before := strings.Join(p.Lines(), "\n")
	f.Run(f.NextUnit())
	if after := strings.Join(p.Lines(), "\n"); after == before {
		t.Errorf("rates are the same in another unit:\n%s", after)
	}
	if got := p.Facts(); !slices.Equal(got, []string{"rates in bytes", "3/3"}) {
		t.Errorf("facts are %q", got)
	}
}

func TestNames(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	f.Run(f.ToggleNames())
	if !strings.Contains(strings.Join(p.Lines(), "\n"), "192.168.1.10:https") {
		t.Errorf("%s", strings.Join(p.Lines(), "\n"))
	}
}

// Every key of the page means something, and Enter ends the choice of the order.
func TestKeysAreTaken(t *testing.T) {
	for _, k := range []string{"/", "s", "S", "space", "D", "enter", "c", "esc", "d", "x", "+", "-", "0", "P", "y", "f"} {
		f, _ := newPage(flows.Options{}, fake.Flows(10)...)
		if !f.Press(k) {
			t.Errorf("%s means nothing", k)
		}
	}
	f, _ := newPage(flows.Options{}, fake.Flows(10)...)
	f.Press("s", "enter")
	if f.Dialog() != nil {
		t.Error("Enter does not end the choice")
	}
	if f.Press("b") || f.Press("z") {
		t.Error("b means something")
	}
}
