package console

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gated is a connection that is not read from while its gate is shut, over which
// little fits on the way.
type gated struct {
	net.Conn
	shut atomic.Bool
}

func (r *rig) gated() *gated {
	r.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10) })
	}}
	c, err := dialer.DialContext(context.Background(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return &gated{Conn: c}
}

func (g *gated) Read(p []byte) (int, error) {
	for g.shut.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	return g.Conn.Read(p)
}

// queued is what the server's kernel keeps for a client at most.
func (r *rig) queued() (most int) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for c := range r.server.clients {
		raw, err := c.Conn.(syscall.Conn).SyscallConn()
		if err != nil {
			r.t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) {
			n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
			if err == nil {
				most = max(most, n)
			}
		})
	}
	return most
}

// What waits for a slow client is bounded. One that takes nothing for too long is
// cut off, which is counted and logged, and its terminal is restored as soon as it
// takes something again.
func TestSlowConsole(t *testing.T) {
	r := newRig(t, Limits{Stall: 12 * time.Second})
	r.source.flows.Store(1000)
	conn := r.gated()
	c := r.login(conn, r.ann)
	x, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	output := &logged{}
	x.Stdout, x.Stderr = output, output
	if err := x.RequestPty("xterm", 300, 300, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.Shell(); err != nil {
		t.Fatal(err)
	}
	r.eventually("it shows something", func() bool { return strings.Contains(output.String(), "10.0.0.7:40000") })
	conn.shut.Store(true)
	queued := 0
	deadline := time.Now().Add(waitTimeout)
	for i := 0; r.server.Stats().Stalled == 0; i++ { // each draws everything again
		if time.Now().After(deadline) {
			t.Fatal("it is never cut off")
		}
		if err := x.WindowChange(300, 290+i%10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		queued = max(queued, r.queued())
	}
	conn.shut.Store(false)
	_ = x.Wait()
	if queued > 4*consoleQueue {
		t.Errorf("%d bytes waited for it", queued)
	}
	for _, text := range []string{"\x1b[?1049l", "\x1b[?25h", errStalled.Error()} {
		if !strings.Contains(output.String(), text) {
			t.Errorf("it was not told %q", text)
		}
	}
	if log := r.log.String(); strings.Count(log, "disconnected a client that read nothing") != 1 || !strings.Contains(log, "comment=ann@desk") {
		t.Error(log)
	}
	if n := r.server.Stats().Stalled; n != 1 {
		t.Errorf("counted %d times", n)
	}
	_ = c.Close()
	r.serves()
}

// What follows a write that was given up begins with the end of an escape sequence.
func TestTornScreen(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm", 120, 30)
	r.shows(s, "10.0.0.1:40000")
	for _, x := range r.server.roster.all() {
		x.out.mu.Lock()
		x.out.torn = true
		x.out.mu.Unlock()
	}
	r.press(s, "?")
	r.shows(s, cancel)
	r.press(s, "\x03")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
}
