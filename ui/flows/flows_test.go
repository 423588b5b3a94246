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

func TestOrder(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(6)...)
	is := func(want ...int) {
		t.Helper()
		if got := ids(p); !slices.Equal(got, want) {
			t.Errorf("the flows are %v, not %v", got, want)
		}
	}
	is(1, 4, 5, 6, 2, 3)
	f.Press("S")
	is(3, 2, 6, 5, 4, 1)
	f.Press("s", "o")
	is(1, 2, 3, 4, 5, 6)
	if f.Dialog() != nil {
		t.Error("a letter does not end the choice")
	}
	f.Press("s", "o") // once more turns it round
	is(6, 5, 4, 3, 2, 1)
	f.Press("s", "S")
	is(1, 2, 3, 4, 5, 6)
	if f.Dialog() == nil {
		t.Error("S ends the choice")
	}
	f.Press("esc") // back to what it was
	is(6, 5, 4, 3, 2, 1)
	f.Press("s", "0")
	is(1, 4, 5, 6, 2, 3)
	f.Press("s", "g", "s", "S", "enter")
	is(1, 2, 3, 4, 5, 6)
	f.Press("s", "left", "left", "enter") // from AGE to TOTAL to IN
	if !strings.Contains(p.Lines()[0], "IN ▼") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	at := strings.Index(p.Lines()[0], "STATE")
	f.Run(p.Click(at+2, 0))
	if !strings.Contains(p.Lines()[0], "STATE ▲") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	f.Run(p.Click(at, 3))
	if p.Selected() != p.Rows()[2] {
		t.Error("a click does not select")
	}
}

func TestSortDialog(t *testing.T) {
	f, _ := newPage(flows.Options{}, fake.Flows(6)...)
	f.Press("s")
	d := f.Dialog()
	rows := d.Rows(80)
	lines := d.Footer(80, rows)
	if len(lines) != rows+1 || !strings.HasPrefix(lines[0], " sort by  ") {
		t.Errorf("%d rows: %q", rows, lines)
	}
	all := strings.Join(lines, "  ")
	for name, letter := range flows.SortLetters() {
		if !strings.Contains(all, "  "+letter+" "+name) {
			t.Errorf("no %s in %q", name, all)
		}
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%q is %d wide", line, n)
		}
	}
	if got := d.Footer(80, 0); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := d.Rows(1000); got != 0 {
		t.Errorf("%d rows on a wide screen", got)
	}
	if below := d.Below(); !below.Scrolls || below.HidesAside {
		t.Errorf("%+v", below)
	}
}

func TestMarks(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(6)...)
	f.Press("space", "space")
	if got := p.Facts(); !slices.Equal(got, []string{"2 marked", "6/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("g", "space")
	if got := p.Facts(); !slices.Equal(got, []string{"1 marked", "6/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("g", "space", "d")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 2 flows?") || !strings.Contains(box, "marked") {
		t.Errorf("%s", box)
	}
	f.Press("y")
	if len(f.Acts) != 1 || len(f.Acts[0].Flows) != 2 || f.Acts[0].Flows[0].ID != 1 || f.Acts[0].Flows[1].ID != 4 {
		t.Errorf("acts are %+v", f.Acts)
	}
	publish(f, fake.Flows(6), destroyed(0, f.Now))
	if got := p.Facts()[0]; got != "1 marked" {
		t.Errorf("facts are %q", p.Facts())
	}
	f.Press("g", "space") // the flow has just ended: there is nothing to mark
	if got := p.Facts()[0]; got != "1 marked" {
		t.Errorf("facts are %q", p.Facts())
	}
	f.Press("esc")
	if got := p.Facts(); !slices.Equal(got, []string{"5/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("G", "space")
	if p.Selected() != p.Rows()[5] {
		t.Error("the mark did not go down to the end")
	}
	empty, _ := newPage(flows.Options{}, []flow.Flow{}...)
	empty.Press("space")
}

func TestDeleteAll(t *testing.T) {
	f, _ := newPage(flows.Options{}, fake.Flows(10)...)
	publish(f, fake.Flows(10), destroyed(3, f.Now))
	f.Press("D")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 9 flows?") || !strings.Contains(box, "no filter: every flow of the table") {
		t.Errorf("%s", box)
	}
	f.Press("esc", "/", "udp", "enter", "D")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 2 flows?") || !strings.Contains(box, "filter  udp") {
		t.Errorf("%s", box)
	}
	f.Press("2", "enter")
	if len(f.Acts) != 1 || len(f.Acts[0].Flows) != 2 {
		t.Errorf("acts are %+v", f.Acts)
	}
}

func TestAttempts(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(150)...)
	is := func(k, want string) {
		t.Helper()
		a, ok := p.Attempt(fake.Keys(k)[0])
		if got := fmt.Sprint(a.Kind, " ", len(a.Flows), " ", a.Count, " ", ok); got != want {
			t.Errorf("%s: %s, not %s", k, got, want)
		}
	}
	is("d", "delete 1 1 true")
	is("D", "delete 100 150 true")
	is("+", "flow_timeout 1 1 true")
	is("y", "flow_timeout 1 1 false")
	for range 120 {
		f.Press("space")
	}
	is("d", "delete 100 120 true")
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
	if got := ids(p); len(got) != 4 || f.Said() != "after 2s: 2 flows came, 1 went, 1 changed state" {
		t.Errorf("going on, the flows are %v, said %q", got, f.Said())
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

func TestSettings(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	if p.Greeting() != "" {
		t.Errorf("greets with %q", p.Greeting())
	}
	f.Press("s", "g", "S", "c", "space", "enter")
	var s page.Settings
	if p.Save(&s); s.Sort != "age:asc" || slices.Contains(s.Columns, "state") || !slices.Contains(s.Columns, "ttl") {
		t.Errorf("saved %+v", s)
	}
	f, p = newPage(flows.Options{}, fake.Flows(3)...)
	p.Restore(s)
	publish(f, fake.Flows(3))
	if got := ids(p); !slices.Equal(got, []int{1, 2, 3}) || strings.Contains(p.Lines()[0], "STATE") || !strings.Contains(p.Lines()[0], "AGE ▲") {
		t.Errorf("the flows are %v under %q", got, p.Lines()[0])
	}
	if got := p.Greeting(); got != "sorted by age, as you left it; s 0 sorts by rate again" {
		t.Errorf("greets with %q", got)
	}
	p.Restore(page.Settings{Sort: "x"})
	if !strings.Contains(p.Lines()[0], "AGE ▲") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	if p.SortBy("x") || !p.SortBy("ttl") || !p.SortBy("idle:desc") {
		t.Error("orders are not read")
	}
	if got := p.Facts(); !slices.Contains(got, "by idle") { // there is no such column
		t.Errorf("facts are %q", got)
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
	if a := p.Aside(); !a.Narrow || !a.Terse || !strings.HasPrefix(a.Facts, "ESTABLISHED  ") {
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
	if got := acting(); !slices.Equal(got, []string{"delete", "mark"}) {
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
