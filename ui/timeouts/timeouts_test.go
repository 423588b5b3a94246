package timeouts_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/tracker/flow"
	"ctop/ui/acting"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/timeouts"
)

// actor notes acts.
type actor struct{ f *fake.Frame }

func (a actor) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	a.f.Acts = append(a.f.Acts, act)
	return flow.Outcome{Done: 1}, nil
}

func newPage(flows ...flow.Flow) (*fake.Frame, *timeouts.Page) {
	f := fake.NewFrame(flows...)
	a := actor{f}
	p := timeouts.New(f.Frame, acting.New(f.Frame, acting.Options{Actor: a}))
	f.With(p)
	f.Run(p.Update(page.Opened{}))
	return f, p
}

// row returns the words of the line of a timeout.
func row(p *timeouts.Page, name string) string {
	for _, line := range p.Lines() {
		if strings.Contains(line, name) {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

func TestRows(t *testing.T) {
	f, p := newPage(fake.Flows(10)...)
	if got := row(p, "TIMEOUT"); got != "TIMEOUT VALUE FLOWS DEFAULT APPLIES TO A FLOW" {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]string{
		"tcp_syn_sent": "▌ tcp_syn_sent 2m 2 opened, not answered yet", "tcp_established": "tcp_established 5d 2 handshake complete",
		"icmp": "icmp 30s 2 request and answer", "other": "other 10m 0 every other protocol",
	} {
		if got := row(p, name); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	changed := fake.Snapshot(fake.Start, fake.Flows(5))
	changed.Timeouts[flow.TCPEstablished] = time.Hour
	f.Latest = changed
	f.Send(page.SnapshotTaken{}) // what is set is shown at once, what is counted is not
	if got := row(p, "tcp_established"); got != "tcp_established 1h 2 5d handshake complete" {
		t.Errorf("%q", got)
	}
	f.Shown = changed
	f.Send(page.ShownChanged{})
	if got := row(p, "tcp_established"); got != "tcp_established 1h 1 5d handshake complete" {
		t.Errorf("%q", got)
	}
	p.SetSize(43, 20)
	if got := row(p, "tcp_established"); got != "tcp_established 1h 1" {
		t.Errorf("narrow: %q", got)
	}
	p.SetSize(100, 5)
	if got := p.Lines(); len(got) != 5 || !strings.Contains(got[0], "tcp_syn_sent") {
		t.Errorf("low: %q", got)
	}
	p.SetSize(100, 6)
	if got := p.Lines(); len(got) != 6 || !strings.Contains(got[0], "TIMEOUT") || got[4] != "" {
		t.Errorf("less low: %q", got)
	}
}

func TestNothingToEdit(t *testing.T) {
	f, p := newPage()
	if p.Lines() != nil {
		t.Errorf("%q", p.Lines())
	}
	for _, k := range []string{"enter", "0"} {
		if f.Press(k); f.Dialog() != nil || len(f.Acts) > 0 {
			t.Errorf("%s edits", k)
		}
	}
}

func TestMoving(t *testing.T) {
	f, p := newPage(fake.Flows(10)...)
	p.SetSize(100, 8)
	on := func(want string) {
		t.Helper()
		if got := row(p, "▌"); !strings.HasPrefix(got, "▌ "+want+" ") {
			t.Errorf("the cursor is on %q, not on %s", got, want)
		}
	}
	f.Press("down", "down")
	on("tcp_established")
	f.Press("up", "pgdown")
	on("tcp_time_wait")
	f.Press("G")
	on("other")
	f.Press("pgup", "g")
	on("tcp_syn_sent")
	p.Click(3, 3)
	on("tcp_established")
	p.Click(3, 0)
	on("tcp_established")
	p.Click(3, 9)
	on("tcp_established")
}

func TestEditing(t *testing.T) {
	f, p := newPage(fake.Flows(10)...)
	if f.Press("x") {
		t.Error("x means something")
	}
	note := func() string {
		lines := p.Lines()
		return lines[len(lines)-1]
	}
	if f.Press("enter"); f.Dialog() == nil || note() != "  now 2m; type a duration like 30s, 5m, 2h or 5d" {
		t.Fatalf("%q", note())
	}
	if got := f.Dialog().Footer(100, 0); !strings.HasPrefix(got[0], " ⏎ set   Esc leave as it is") {
		t.Errorf("%q", got)
	}
	f.Press("5m")
	if got := row(p, "tcp_syn_sent"); !strings.HasPrefix(got, "▌ tcp_syn_sent 5m▏ 2 ") || note() != "  2m → 5m touches 2 flows, ends 0 now" {
		t.Errorf("%q, %q", got, note())
	}
	f.Press("x")
	if note() != "  now 2m; type a duration like 30s, 5m, 2h or 5d" {
		t.Errorf("%q", note())
	}
	f.Press("enter")
	if !strings.HasPrefix(note(), `  "5mx" is not a duration`) || f.Dialog() == nil || len(f.Acts) > 0 {
		t.Errorf("%q", note())
	}
	f.Press("backspace", "enter")
	want := []flow.Act{flow.TimeoutChange(flow.TCPSynSent, 5*time.Minute)}
	if f.Dialog() != nil || !slices.EqualFunc(f.Acts, want, func(a, b flow.Act) bool { return a.Timeout == b.Timeout && a.Duration == b.Duration }) {
		t.Errorf("acts are %+v", f.Acts)
	}
	if f.Said() != "tcp_syn_sent is now 5m" || note() != "  " {
		t.Errorf("said %q, %q", f.Said(), note())
	}
	f.Press("enter", "7m", "esc")
	if len(f.Acts) != 1 || f.Dialog() != nil {
		t.Errorf("acts are %+v", f.Acts)
	}
}

func TestEndingFlowsAsks(t *testing.T) {
	flows := fake.Flows(10)
	flows[1].Idle, flows[6].Idle = 20*time.Second, 5*time.Second
	f, p := newPage(flows...)
	f.Now = f.Now.Add(5 * time.Second) // the snapshot is five seconds old
	f.Press("enter", "10s")
	if lines := p.Lines(); lines[len(lines)-1] != "  2m → 10s touches 2 flows, ends 2 now" {
		t.Errorf("%q", lines[len(lines)-1])
	}
	f.Press("enter")
	if got := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(got, "tcp_syn_sent: 2m → 10s?") || !strings.Contains(got, "2 flows silent for longer would end now") {
		t.Errorf("%s", got)
	}
	if f.Press("n"); len(f.Acts) > 0 || f.Dialog() != nil {
		t.Errorf("acts are %+v", f.Acts)
	}
	f.Press("enter", "11s", "enter")
	if f.Press("y"); len(f.Acts) != 1 || f.Acts[0].Duration != 11*time.Second {
		t.Errorf("acts are %+v", f.Acts)
	}
}

func TestDefault(t *testing.T) {
	f, _ := newPage(fake.Flows(10)...)
	f.Press("down", "0")
	if len(f.Acts) != 1 || f.Acts[0].Timeout != flow.TCPSynRecv || f.Acts[0].Duration != flow.DefaultTimeouts()[flow.TCPSynRecv] || f.Dialog() != nil {
		t.Errorf("acts are %+v", f.Acts)
	}
}

// What was counted for a value is not shown beside another one that was typed meanwhile.
func TestCountedLate(t *testing.T) {
	flows := fake.Flows(10)
	flows[1].Idle = 20 * time.Second
	f, p := newPage(flows...)
	f.Press("enter", "10")
	late := f.Dialog().HandleKey(fake.Keys("s")[0])
	f.Press("backspace", "m")
	f.Run(late)
	if lines := p.Lines(); lines[len(lines)-1] != "  2m → 10m touches 2 flows, ends 0 now" {
		t.Errorf("%q", lines[len(lines)-1])
	}
}

// What was counted for a line that has been closed opens nothing.
func TestClosedMeanwhile(t *testing.T) {
	f, p := newPage(fake.Flows(10)...)
	f.Press("enter", "10s")
	cmd := f.Dialog().HandleKey(fake.Keys("enter")[0])
	f.Press("esc")
	f.Run(cmd)
	if f.Dialog() != nil || len(f.Acts) > 0 {
		t.Errorf("acts are %+v", f.Acts)
	}
	if a, ok := p.Attempt(fake.Keys("0")[0]); !ok || a.Kind != flow.ActTimeout || a.Timeout != flow.TCPSynSent || a.Count != 1 {
		t.Errorf("%+v", a)
	}
	if _, ok := p.Attempt(fake.Keys("x")[0]); ok {
		t.Error("x changes something")
	}
}

func TestHints(t *testing.T) {
	_, p := newPage(fake.Flows(1)...)
	for _, h := range p.Hints() {
		if !h.Acts {
			t.Errorf("%s acts", h.Does)
		}
	}
}

// TestScreens compares the whole page, while a value is edited.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f, p := newPage(fake.Flows(40)...)
			p.SetSize(size[0], size[1])
			f.Press("down", "down", "enter", "30m")
			golden.RequireEqual(t, []byte(strings.Join(p.Lines(), "\n")))
		})
	}
}

func TestKeysAreTaken(t *testing.T) {
	for _, k := range []string{"enter", "0", "esc"} {
		if f, _ := newPage(fake.Flows(10)...); !f.Press(k) {
			t.Errorf("%s means nothing", k)
		}
	}
}
