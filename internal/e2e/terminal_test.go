package e2e

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/internal/tmux"
)

// desk is an operator at a terminal that shows the console, with some idle
// connections through the tracker. Nothing changes except by the operator.
type desk struct {
	*lab.Lab
	*tmux.Terminal
	// t is the current test or subtest; whole is the whole test.
	t, whole *testing.T
	ctx      context.Context
	dir      string
	// talk holds the connections open, from the client's port to the server's.
	talk []net.Conn
}

// ports are the server's ports, with one connection each.
var ports = []int{443, 5001, 5002, 5003, 5004, 5005}

func newDesk(t *testing.T, width, height int) *desk {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing: apt-get install tmux")
	}
	l, ctx := newLab(t)
	d := &desk{Lab: l, t: t, whole: t, ctx: ctx, dir: t.TempDir()}
	d.Terminal = d.terminal(width, height)
	d.shows("no flows yet")
	for _, port := range ports {
		d.connect(port)
	}
	d.shows(strconv.Itoa(len(ports)) + "/" + strconv.Itoa(len(ports)))
	return d
}

// terminal opens another terminal with a console, which joins a running
// tracker.
func (d *desk) terminal(width, height int) *tmux.Terminal {
	d.t.Helper()
	path, err := ctopBinary()
	if err != nil {
		d.t.Fatal(err)
	}
	x, err := tmux.Start(d.ctx, tmux.Options{
		Width: width, Height: height, Dir: d.dir, Command: []string{path, d.Client.Port(), d.Server.Port()},
		Env: []string{"HOME=" + d.dir, "XDG_CONFIG_HOME=" + d.dir, "XDG_STATE_HOME=" + d.dir, "NO_COLOR="},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = x.Press(context.Background(), "C-c", "C-c") // the second one answers
		_, _ = x.WaitFor(d.ctx, func(string) bool { _, ended, _ := x.Ended(d.ctx); return ended })
		_ = x.Close()
	})
	return x
}

// connect opens a lasting connection, and waits until it is shown.
func (d *desk) connect(port int) {
	d.t.Helper()
	at := net.JoinHostPort(d.Server.Addr4().String(), strconv.Itoa(port))
	l, err := d.Server.Listen(d.ctx, "tcp", at)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := d.Client.Dial(d.ctx, "tcp", at)
	if err != nil {
		d.t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	// A deleted flow would come back with the next probe, before anybody has seen that it
	// was gone.
	for _, conn := range [...]net.Conn{client, server} {
		if err := conn.(*net.TCPConn).SetKeepAlive(false); err != nil {
			d.t.Fatal(err)
		}
	}
	d.talk = append(d.talk, client)
}

// press presses keys one after the other.
func (d *desk) press(keys ...string) {
	d.t.Helper()
	if err := d.Press(d.ctx, keys...); err != nil {
		d.t.Fatal(err)
	}
}

// until waits until holds returns true for the screen.
func (d *desk) until(what string, holds func(screen string) bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, waitTimeout)
	defer cancel()
	if screen, err := d.WaitFor(ctx, holds); err != nil {
		d.t.Fatalf("never: %s; the screen:\n%s", what, screen)
	}
}

func (d *desk) shows(text string) {
	d.t.Helper()
	d.until("it shows "+text, func(screen string) bool { return strings.Contains(screen, text) })
}

func (d *desk) hides(text string) {
	d.t.Helper()
	d.until("it no longer shows "+text, func(screen string) bool { return !strings.Contains(screen, text) })
}

// row waits until the cursor is on a row, counted from 0.
func (d *desk) row(want int) {
	d.t.Helper()
	d.until("the cursor is on row "+strconv.Itoa(want), func(screen string) bool { return cursorRow(screen) == want })
}

// still has checks made while the console is paused: a rate is compared with one before the
// last snapshot if that came late, so the flows may change their order once more.
func still(checks map[string]func(d *desk, k string)) map[string]func(d *desk, k string) {
	for name, check := range checks {
		checks[name] = func(d *desk, k string) {
			d.press("p")
			d.shows("paused")
			d.press("g")
			d.row(0)
			check(d, k)
			d.press("p")
			d.hides("paused")
		}
	}
	return checks
}

// rested reports whether every flow on the screen has had no packet for some seconds.
func rested(screen string) bool {
	const title = "IDLE"
	end := 0
	for line := range strings.Lines(screen) {
		cells := []rune(line)
		if at := strings.Index(line, title); at >= 0 {
			end = len([]rune(line[:at+len(title)]))
		}
		if end == 0 || end > len(cells) || !strings.Contains(line, "ESTABLISHED") {
			continue
		}
		fields := strings.Fields(string(cells[:end]))
		if idle, err := time.ParseDuration(fields[len(fields)-1]); err != nil || idle < 2*time.Second {
			return false
		}
	}
	return true
}

// cursorRow returns the row of the cursor below the titles, negative if there
// is none.
func cursorRow(screen string) int {
	for y, line := range strings.Split(screen, "\n") {
		if strings.HasPrefix(line, "▌") {
			return y - 3
		}
	}
	return -1
}
