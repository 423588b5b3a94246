package acting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// noting is a page that keeps the notices.
type noting struct {
	page.Base
	r *rig
}

func (n *noting) Update(msg tea.Msg) tea.Cmd {
	if notices, ok := msg.(page.NoticesTaken); ok {
		for _, one := range notices {
			n.r.noted = append(n.r.noted, one.Text)
		}
	}
	return nil
}

// rig is a console with one page, whose acts are noted.
type rig struct {
	*fake.Frame
	acts  *Acts
	noted []string
	err   error
	done  flow.Outcome
	put   []string
}

func (r *rig) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	r.Acts = append(r.Acts, act)
	return r.done, r.err
}

func newRig(flows ...flow.Flow) *rig {
	r := &rig{Frame: fake.NewFrame(flows...), done: flow.Outcome{Done: 1}}
	r.With(&noting{r: r})
	r.acts = New(r.Frame.Frame, Options{Actor: r, Copy: func(text string) { r.put = append(r.put, text) }})
	return r
}

// did returns the acts as "kind ids duration".
func (r *rig) did() (list []string) {
	for _, a := range r.Acts {
		text := a.Kind.String()
		for _, ref := range a.Flows {
			text += fmt.Sprint(" ", uint64(ref.ID))
		}
		list = append(list, fmt.Sprint(text, " ", a.Duration))
	}
	return list
}

func (r *rig) is(t *testing.T, said string, did ...string) {
	t.Helper()
	if r.Said() != said || !slices.Equal(r.did(), did) {
		t.Errorf("said %q, did %q; not %q, %q", r.Said(), r.did(), said, did)
	}
}

// on presses keys on a flow, and answers questions.
func (r *rig) on(f *flow.Flow, keys ...string) {
	for _, msg := range fake.Keys(keys...) {
		if d := r.Dialog(); d != nil {
			r.Run(d.HandleKey(msg))
			continue
		}
		cmd, _ := r.acts.HandleKey(msg, Flow{Flow: f})
		r.Run(cmd)
	}
}

func TestDeleteAsks(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.on(&f, "d")
	box := strings.Join(r.Dialog().Box(100, 20), "\n")
	for _, want := range []string{"delete 1 flow?", "tcp 10.0.0.0:40000 → 192.168.1.10:443", "ESTABLISHED", "observe: forgotten only"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	r.on(&f, "n")
	r.is(t, "")
	r.on(&f, "d", "y")
	r.is(t, "deleted 1 flow", "delete 1 0s")
	if !slices.Equal(r.noted, []string{"deleted tcp 10.0.0.0:40000 → 192.168.1.10:443"}) || r.Refreshed != 1 {
		t.Errorf("noted %q, refreshed %d times", r.noted, r.Refreshed)
	}
	r.Latest.Policy = flow.PolicyEnforce
	r.on(&f, "d")
	if box := strings.Join(r.Dialog().Box(100, 20), ""); !strings.Contains(box, "enforce: TCP is cut off") {
		t.Errorf("%s", box)
	}
}

func TestDeleteMany(t *testing.T) {
	flows := fake.Flows(4)
	r := newRig(flows...)
	s := order.NewSurvey(order.All(r.Latest), func(id flow.ID) bool { return id != 2 })
	r.done = flow.Outcome{Done: 2, Gone: 1}
	r.acts.AskDeleteAll(s, "marked", false)
	box := strings.Join(r.Dialog().Box(100, 20), "\n")
	for _, want := range []string{"delete 3 flows?", "marked", "1 NEW · 1 ESTABLISHED · 1 FIN_WAIT_2"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	r.on(nil, "y")
	r.is(t, "deleted 2 flows, 1 already gone", "delete 1 3 4 0s")
	if !slices.Equal(r.noted, []string{"deleted 2 flows, 1 already gone"}) {
		t.Errorf("noted %q", r.noted)
	}
	r.Acts = nil
	r.acts.AskDeleteAll(s, "shown", true)
	r.on(nil, "y", "enter")
	r.is(t, "deleted 2 flows, 1 already gone")
	r.on(nil, "backspace", "3", "enter")
	r.is(t, "deleted 2 flows, 1 already gone", "delete 1 3 4 0s")

	r.Acts = nil
	r.acts.AskDeleteAll(order.Survey{}, "marked", false)
	r.is(t, "there is no flow to delete")
	r.Hush()
	r.Push(page.Base{})
	r.acts.AskDeleteAll(s, "marked", false) // something else has been opened
	if r.Dialog() != nil {
		t.Error("it asks over another page")
	}
}

func TestErrorsAreTold(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.err, r.done = errors.New("delete: no permission"), flow.Outcome{}
	r.on(&f, "d", "y")
	r.is(t, "delete: no permission", "delete 1 0s")
	r.on(&f, "+")
	if len(r.noted) != 0 {
		t.Errorf("noted %q", r.noted)
	}
	// The timeout that could not be given is not the flow's.
	r.err = nil
	r.on(&f, "P")
	r.is(t, "its timeout stays 5d in every state; 0 gives it the default again", "delete 1 0s", "flow_timeout 1 240h0m0s", "flow_timeout 1 120h0m0s")
	none := New(r.Frame.Frame, Options{})
	r.Run(none.SetTimeout(flow.ICMP, time.Minute))
	if r.Said() != "what is shown here cannot be changed" {
		t.Errorf("said %q", r.Said())
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	f := fake.Flow(0)
	for _, k := range []string{"d", "x", "+", "-", "P", "0"} {
		r := newRig(f)
		cmd, ok := r.acts.HandleKey(fake.Keys(k)[0], Flow{Flow: &f, Ended: true})
		r.Run(cmd)
		if r.is(t, "this flow has ended already"); !ok || r.Dialog() != nil {
			t.Errorf("%s: %t", k, ok)
		}
		r = newRig(f)
		r.Ended.Take(&flow.Event{Type: flow.EventDestroy, ID: f.ID, Time: r.Now}, r.Now, false)
		r.on(&f, k)
		r.is(t, "this flow has ended already")
		r = newRig(f)
		r.on(nil, k)
		r.is(t, "there is no flow here")
		if k != "d" && k != "x" {
			gone := f
			gone.Timeout = 0
			r = newRig(f)
			r.on(&gone, k)
			r.is(t, "this flow is not in the table")
		}
	}
	r := newRig(f)
	if _, ok := r.acts.HandleKey(fake.Keys("z")[0], Flow{}); ok {
		t.Error("z acts")
	}
}

// A paused console acts on the flow as it is now.
func TestPaused(t *testing.T) {
	old := fake.Flow(0)
	r := newRig(old)
	r.Run(r.TogglePause())
	now := old
	now.Timeout = time.Hour
	r.Latest = fake.Snapshot(r.Now, []flow.Flow{now})
	r.on(&old, "+")
	r.is(t, "its timeout is now 2h, was 1h; paused: p shows it", "flow_timeout 1 2h0m0s")
	r.Acts = nil
	r.on(&old, "d", "y")
	r.is(t, "deleted 1 flow; paused: p shows it", "delete 1 0s")
	r.Latest = fake.Snapshot(r.Now, nil)
	r.on(&old, "+")
	r.is(t, "this flow has ended already", "delete 1 0s")
	r.Run(r.acts.SetTimeout(flow.ICMP, time.Minute))
	if r.Said() != "icmp is now 1m" {
		t.Errorf("said %q", r.Said())
	}
}

func TestDeletedFlowsThatComeBack(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.on(&f, "d", "y")
	look := func(d time.Duration, flows ...flow.Flow) {
		r.Now = r.Now.Add(d)
		r.Latest = fake.Snapshot(r.Now, flows)
		r.Run(r.acts.Update(page.Polled{}))
	}
	again := f
	again.ID = 99
	look(time.Second, f) // it is the old one
	r.is(t, "deleted 1 flow", "delete 1 0s")
	look(time.Second, again)
	r.is(t, "deleted 1 flow, 1 came back since", "delete 1 0s")
	if n := len(r.noted); n != 2 || r.noted[1] != r.Said() {
		t.Errorf("noted %q", r.noted)
	}
	look(time.Second, again) // once is enough
	if n := len(r.noted); n != 2 {
		t.Errorf("noted %q", r.noted)
	}
	// Another message is not overwritten, and after ten seconds nobody looks.
	r.on(&f, "d", "y")
	r.Tell("something else")
	look(10*time.Second, again)
	if r.Said() != "something else" || len(r.noted) != 4 {
		t.Errorf("said %q, noted %q", r.Said(), r.noted)
	}
	r.on(&f, "d", "y")
	look(10*time.Second+1, again)
	if r.Said() != "deleted 1 flow" || len(r.noted) != 5 {
		t.Errorf("said %q, noted %q", r.Said(), r.noted)
	}
}

func TestOthersAreToldElsewhere(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	r.acts.options.NotedElsewhere = true
	r.on(&f, "d", "y")
	if len(r.noted) != 0 {
		t.Errorf("noted %q", r.noted)
	}
}

func TestCopy(t *testing.T) {
	f, other := fake.Flow(0), fake.Flow(3)
	r := newRig(f, other)
	r.Width = 200
	r.on(&f, "y")
	if r.Said() != "copied tcp 10.0.0.0:40000 → 192.168.1.10:443   y again: a ctop command" {
		t.Errorf("said %q", r.Said())
	}
	r.on(&f, "y", "y", "y", "y")
	r.on(&other, "y")
	r.acts.StopCopying()
	r.on(&other, "y")
	want := []string{
		"tcp 10.0.0.0:40000 → 192.168.1.10:443",
		"ctop delete proto:tcp src:10.0.0.0 sport:40000 dst:192.168.1.10 dport:443",
		"conntrack -D -p tcp -s 10.0.0.0 -d 192.168.1.10 --sport 40000 --dport 443",
		"tcp and host 10.0.0.0 and host 192.168.1.10 and port 40000 and port 443",
		"tcp 10.0.0.0:40000 → 192.168.1.10:443",
		"tcp 10.0.0.3:40003 → 192.168.1.10:443",
		"tcp 10.0.0.3:40003 → 192.168.1.10:443",
	}
	if !slices.Equal(r.put, want) {
		t.Errorf("copied %q", r.put)
	}
	r.on(&f, "f")
	if r.FilterText() != "proto:tcp dst:192.168.1.10 dport:443" {
		t.Errorf("the filter is %q", r.FilterText())
	}
}

func TestAttempts(t *testing.T) {
	f := fake.Flow(0)
	r := newRig(f)
	for k, want := range map[string]string{
		"d": "delete true", "+": "flow_timeout true", "-": "flow_timeout true", "P": "flow_timeout true", "0": "flow_timeout true", "y": "flow_timeout false", "f": "flow_timeout false",
	} {
		a, ok := r.acts.Attempt(fake.Keys(k)[0], &f)
		if got := fmt.Sprint(a.Kind, " ", ok); got != want || a.Count != 1 || len(a.Flows) != 1 {
			t.Errorf("%s: %s", k, got)
		}
	}
	if _, ok := r.acts.Attempt(fake.Keys("d")[0], nil); ok {
		t.Error("it is tried on no flow")
	}
}
