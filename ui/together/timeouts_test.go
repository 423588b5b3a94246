package together

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// A line is for a value of a timeout and the hosts that have it, the value of most hosts first.
func TestValues(t *testing.T) {
	f := newFleet(4)
	f.list[0].Timeouts[flow.ICMP], f.list[2].Timeouts[flow.ICMP], f.list[3].Timeouts[flow.UDPUnidirectional] = time.Minute, time.Minute, time.Minute
	f.list[0].ByTimeout[flow.ICMP], f.list[2].ByTimeout[flow.ICMP] = 3, 4
	var got []string
	for _, r := range valuesOf(f.list) {
		if r.differs {
			got = append(got, fmt.Sprint(r.name, " ", r.value, " ", r.hosts, " ", r.flows, " ", r.first))
		} else if len(r.hosts) != 4 || !r.first {
			t.Errorf("all have %+v", r)
		}
	}
	slices.Sort(got)
	want := []string{"icmp 1m0s [a c] 7 false", "icmp 30s [b d] 0 true", "udp_unidirectional 1m0s [d] 0 false", "udp_unidirectional 5m0s [a b c] 0 true"}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are %q, want %q", got, want)
	}
}

// The cursor moves by lines, pages and clicks, and stays on its value when lines come before it.
func TestMovingAmongValues(t *testing.T) {
	f := newFleet(3)
	p := f.timeouts()
	p.SetSize(100, 5)
	names := flow.TimeoutNames()
	for i, c := range []struct {
		do   func()
		want flow.TimeoutName
	}{
		{func() {}, names[0]},
		{func() { f.Press("down", "down") }, names[2]},
		{func() { f.Press("pgdown") }, names[5]},
		{func() { f.Press("pgup", "up") }, names[1]},
		{func() { f.Press("end") }, names[len(names)-1]},
		{func() { f.Press("home") }, names[0]},
		{func() { p.Click(3, 3) }, names[2]},
		{func() { p.Click(3, 0) }, names[2]},
		{func() { p.Click(3, 5) }, names[2]},
		{func() {
			f.list[0].Timeouts[names[0]] = time.Hour
			f.list[0].Timeouts[names[1]] = time.Hour
			f.Send(page.Polled{})
			p.SetSize(100, 5)
		}, names[2]},
		{func() { f.Press("pgdown") }, names[5]},
		{func() {
			f.list[1].Timeouts[names[0]] = 2 * time.Hour
			f.Send(page.Polled{})
			p.SetSize(100, 5)
		}, names[5]},
	} {
		if c.do(); !strings.HasPrefix(fake.AtCursor(p), c.want.String()+" ") {
			t.Errorf("%d: the cursor is on %q, want %s", i, fake.AtCursor(p), c.want)
		}
	}
	if got := p.Facts(); !slices.Equal(got, []string{"2 timeouts not the same everywhere", "3 hosts"}) {
		t.Errorf("the facts are %q", got)
	}
}

// Values that are not the same everywhere stand out, with the hosts that have them.
func TestTimeoutLines(t *testing.T) {
	f := newFleet(3)
	f.Theme.Warning = theme.New(termenv.ANSI, true, false).Warning
	f.list[1].Timeouts[flow.TCPSynRecv] = 7 * time.Minute
	p := f.timeouts()
	var got []string
	for _, line := range p.Lines()[:5] {
		got = append(got, fake.Words(line))
	}
	want := []string{
		"TIMEOUT VALUE FLOWS DEFAULT AT", "▌ tcp_syn_sent 2m 0 all hosts", "* tcp_syn_recv 1m 0 2 hosts: a, c", "* 7m 0 1m 1 host: b",
		"tcp_established 5d 0 all hosts",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are %q, want %q", got, want)
	}
	if f.Press("down", "down"); fake.AtCursor(p) != "tcp_syn_recv 7m 0 1m 1 host: b" {
		t.Errorf("under the cursor is %q", fake.AtCursor(p))
	}
	for _, h := range p.Hints() {
		if !h.Acts {
			t.Errorf("%s does not act", h.Does)
		}
	}
}

// Without lines no key acts.
func TestNoValues(t *testing.T) {
	f := newFleet(0)
	p := f.timeouts()
	for _, name := range []string{"enter", "0"} {
		if f.Press(name); f.Dialog() != nil || f.Said() != "" {
			t.Errorf("%s opens a dialog", name)
		}
		if _, ok := p.Attempt(fake.Keys(name)[0]); ok {
			t.Errorf("%s attempts something", name)
		}
	}
	if got := strings.Join(p.Lines(), ""); !strings.Contains(got, "asking 0 hosts") {
		t.Errorf("it says %q", got)
	}
}

// A timeout is changed at the hosts of a line that are here, after a question that names them.
func TestChange(t *testing.T) {
	f := newFleet(7)
	f.known[0].State = "gone"
	p := f.timeouts()
	a, ok := p.Attempt(fake.Keys("enter")[0])
	if !ok || a.Count != 7 || a.Kind != flow.ActTimeout || a.Timeout != flow.TCPSynSent {
		t.Errorf("it attempts %+v", a)
	}
	if _, ok := p.Attempt(fake.Keys("x")[0]); ok {
		t.Error("another key attempts something")
	}
	f.Press("enter", "0", "enter")
	if f.Said() == "" || p.input == nil {
		t.Error("a timeout of nothing is taken")
	}
	f.Press("backspace", "q", "enter")
	if !strings.Contains(f.Said(), "duration") || p.input == nil {
		t.Errorf("it says %q", f.Said())
	}
	f.Press("backspace", "9s")
	if !strings.Contains(fake.AtCursor(p), "9s▏") {
		t.Errorf("while a value is typed it says %q", fake.AtCursor(p))
	}
	rows := len(p.rows)
	f.list = f.list[:1]
	f.Send(page.Polled{})
	if p.SetSize(100, 12); len(p.rows) != rows || p.rows[0].hosts[6] != "g" {
		t.Error("lines change while a value is typed")
	}
	if f.Press("enter"); p.input != nil {
		t.Error("the line stays open")
	}
	box := strings.Join(f.Dialog().Box(100, 24), "\n")
	for _, want := range []string{"tcp_syn_sent: 2m → 9s at 6 hosts?", "at b, c, d, e and 2 more", "not at a: not here"} {
		if !strings.Contains(box, want) {
			t.Errorf("it does not ask %q:\n%s", want, box)
		}
	}
	f.Press("y")
	if len(f.Acts) != 1 || f.Acts[0].Duration != 9*time.Second || !slices.Equal(f.Acts[0].Hosts, []string{"b", "c", "d", "e", "f", "g"}) {
		t.Errorf("it does %+v", f.Acts)
	}
	if f.Press("enter", "esc"); f.Dialog() != nil || p.input != nil {
		t.Error("Esc does not close the line")
	}
}

// The default is one key away. Where no host is here nothing is asked.
func TestStandard(t *testing.T) {
	f := newFleet(4)
	for i := range f.list {
		f.list[i].Timeouts[flow.TCPSynSent] = time.Hour
	}
	p := f.timeouts()
	f.Press("0")
	box := strings.Join(f.Dialog().Box(100, 24), "\n")
	if !strings.Contains(box, "1h → 2m at 4 hosts?") || !strings.Contains(box, "at a, b, c, d ") || strings.Contains(box, "not at") {
		t.Errorf("it asks\n%s", box)
	}
	f.Press("n")
	for i := range f.known {
		f.known[i].State = "gone"
	}
	if f.Press("0"); f.Dialog() != nil || f.Said() != "none of these hosts is here" {
		t.Errorf("it says %q", f.Said())
	}
	if !f.Press("esc") || f.Open() != 0 {
		t.Errorf("Esc goes to tab %d", f.Open())
	}
	if cmd, ok := p.HandleKey(fake.Keys("x")[0]); ok || cmd != nil {
		t.Error("it takes a key that is none of its own")
	}
}
