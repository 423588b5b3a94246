package console

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui"
)

// fakeFleet is a fleet of one host.
type fakeFleet struct {
	fakeSource
	closed atomic.Int32
}

func (f *fakeFleet) Show(string, string) {}

func (f *fakeFleet) Listen(string, bool) {}

func (f *fakeFleet) Talk(order.GroupRequest, []order.GroupKey) (order.Groups, int, bool) {
	return order.Groups{}, 1, true
}

func (f *fakeFleet) State() ui.FleetState {
	return ui.FleetState{Flows: 3, Matching: 3, Hosts: []ui.Host{{Name: "edge-9", State: "here"}}}
}

func (f *fakeFleet) Snapshot() *flow.Snapshot {
	s := f.fakeSource.Snapshot()
	s.Host = "fleet main"
	for i := range s.Interfaces {
		s.Interfaces[i].Host = "edge-9"
	}
	return s
}

// open lets sessions open the fleet.
func (f *fakeFleet) open(r *rig, acts bool) {
	opened := Fleet{Reader: f, Close: func() { f.closed.Add(1) }}
	if acts {
		opened.Actor = f
	}
	r.fleet.Store(&opened)
}

// Consoles over SSH open the fleet, by a key and by a command. Where the server may act, an
// operator acts, and the audit log says so. A viewer acts nowhere.
func TestFleetOverSSH(t *testing.T) {
	r := newRig(t, Limits{})
	f := &fakeFleet{}
	f.open(r, true)
	s := r.open(r.ann, "xterm", 100, 24)
	r.shows(s, "veth1 ⇄ veth2")
	r.press(s, "F")
	r.shows(s, "edge-9")
	r.press(s, "gd")
	r.shows(s, "delete 1 flow?")
	r.press(s, "y")
	r.eventually("the act is written down", func() bool { return len(r.acts()) == 1 })
	if a := r.acts()[0]; !a.Fleet || a.Act != "delete" || a.Comment != "ann@desk" || a.Done != 1 || r.source.acts() != 0 || f.acts() != 1 {
		t.Errorf("%+v, here %d, there %d", a, r.source.acts(), f.acts())
	}
	r.press(s, "q")
	r.eventually("the fleet is closed", func() bool { return f.closed.Load() > 0 })
	r.press(s, "q")
	_ = r.end(s)

	v := r.open(r.vic, "xterm", 100, 24)
	r.shows(v, "viewer")
	r.press(v, "F")
	r.shows(v, "edge-9")
	r.press(v, "gd")
	r.shows(v, "viewer: read only")
	r.eventually("the attempt is written down", func() bool { return len(r.acts()) == 2 })
	if f.acts() != 1 {
		t.Error("a viewer acted")
	}
	r.press(v, "qq")
	_ = r.end(v)
	r.serves()
}

// A server that may only look lets nobody act, and one without credentials opens nothing and
// says what to do.
func TestFleetIsRefused(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm", 160, 24)
	r.shows(s, "veth1 ⇄ veth2")
	r.press(s, "F")
	r.shows(s, "--fleet-console")
	f := &fakeFleet{}
	f.open(r, false)
	r.press(s, "F")
	r.shows(s, "edge-9")
	r.press(s, "gd")
	r.shows(s, "can only be looked at")
	if f.acts() != 0 || len(r.acts()) != 0 {
		t.Error("it acted")
	}
	r.press(s, "qq")
	_ = r.end(s)
	r.serves()
}

// A session that ends closes its fleet.
func TestFleetIsClosed(t *testing.T) {
	r := newRig(t, Limits{})
	f := &fakeFleet{}
	f.open(r, true)
	s := r.open(r.ann, "xterm", 100, 24)
	r.press(s, "F")
	r.shows(s, "edge-9")
	_ = s.client.Close()
	r.eventually("the fleet is closed", func() bool { return f.closed.Load() > 0 })
	if !strings.Contains(r.log.String(), "a console of the fleet opens") {
		t.Error(r.log.String())
	}
}

// The command opens the same console on a terminal, and says so without one.
func TestFleetAsACommand(t *testing.T) {
	r := newRig(t, Limits{})
	(&fakeFleet{}).open(r, false)
	x, err := r.dial(r.vic).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out logged
	x.Stdout = &out
	keys, err := x.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.RequestPty("xterm", 24, 100, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := x.Start("ctop fleet"); err != nil {
		t.Fatal(err)
	}
	r.eventually("the fleet", func() bool { return strings.Contains(out.String(), "edge-9") })
	if _, err := io.WriteString(keys, "q"); err != nil {
		t.Fatal(err)
	}
	if err := x.Wait(); err != nil {
		t.Error(err)
	}
	if _, errs, status := r.command(r.vic, "fleet"); status != 2 || errs != "not here\n" {
		t.Errorf("%q, status %d", errs, status) // which is up to the commands
	}
}
