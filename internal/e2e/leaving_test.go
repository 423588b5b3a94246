package e2e

import (
	"strconv"
	"testing"

	"ctop/internal/lab"
)

// leavingChecks press the keys that decide what happens to the tracker, in the
// console with which it would end.
func leavingChecks() map[string]func(d *desk, k string) {
	const section = "Asked where the tracker would end: "
	leave := func(d *desk, k string) {
		d.press("q")
		d.shows("stop forwarding?")
		d.press(k)
	}
	return map[string]func(d *desk, k string){
		section + "end the tracker": func(d *desk, k string) { leave(d, k); d.ended(); checkDetached(d.t, d.Lab); d.reopen() },
		section + "keep it running": func(d *desk, k string) {
			leave(d, k)
			d.ended()
			d.forwards()
			d.down()
			d.reopen()
		},
		section + "stay": func(d *desk, k string) { leave(d, k); d.hides("stop forwarding?"); d.row(0) },
	}
}

// ended waits until the console has ended with status 0.
func (d *desk) ended() {
	d.t.Helper()
	d.until("it has ended with status 0", func(string) bool {
		status, ended, err := d.Ended(d.ctx)
		return err == nil && ended && status == 0
	})
}

// forwards checks that packets pass.
func (d *desk) forwards() {
	d.t.Helper()
	if _, err := lab.Ping(d.ctx, d.Client, d.Server.Addr4()); err != nil {
		d.t.Errorf("nothing passes: %v", err)
	}
}

func (d *desk) down() {
	d.t.Helper()
	if o := runUnder(d.ctx, d.t, nil, "down", d.Client.Port(), d.Server.Port()); o.status != 0 {
		d.t.Errorf("down: exit status %d, %q", o.status, o.stderr)
	}
	checkDetached(d.t, d.Lab)
}

// reopen restarts the console, which picks up the connections midstream.
func (d *desk) reopen() {
	d.t.Helper()
	part := d.t
	d.t = d.whole // which it lasts for
	d.Terminal = d.terminal(120, 30)
	d.t = part
	d.shows("no flows yet")
	for _, conn := range d.talk {
		if _, err := conn.Write([]byte("still here")); err != nil {
			d.t.Fatal(err)
		}
	}
	d.shows(strconv.Itoa(len(d.talk)) + "/" + strconv.Itoa(len(d.talk)))
}

// A tracker kept by the last console behaves as with --keep: it forwards
// without a process, and the next console has its flows and leaves it running
// without asking.
func TestKeptByTheConsole(t *testing.T) {
	d := newDesk(t, 120, 30)
	d.press("q")
	d.shows("stop forwarding?")
	d.press("k")
	d.shows("left running")
	d.ended()
	d.forwards()
	if n := dumpedFlows(d.ctx, t); n < len(ports) {
		t.Errorf("%d flows are left", n)
	}
	d.Terminal = d.terminal(120, 30)
	d.shows(":443")
	d.press("q")
	d.shows("left running")
	d.ended()
	d.forwards()
	d.down()
}

// One of two consoles quits without asking, even the owner. The other one then
// asks, since the tracker is its own. A second Ctrl-C ends it.
func TestTheLastConsoleIsAsked(t *testing.T) {
	d := newDesk(t, 120, 30)
	owner := d.Terminal
	second := d.terminal(120, 30)
	d.Terminal = second
	d.shows(":443")
	d.Terminal = owner
	d.press("q")
	d.ended()
	d.forwards()
	d.Terminal = second
	d.press("C-c")
	d.shows("stop forwarding?")
	d.press("C-c")
	d.ended()
	checkDetached(t, d.Lab)
}
