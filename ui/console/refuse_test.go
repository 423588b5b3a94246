package console

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// raw connects without SSH.
func (r *rig) raw() net.Conn {
	r.t.Helper()
	var c net.Conn
	if r.link != nil {
		c = r.link.dial()
	} else {
		var err error
		if c, err = net.DialTimeout("tcp", r.addr, waitTimeout); err != nil {
			r.t.Fatal(err)
		}
	}
	_ = c.SetDeadline(time.Now().Add(waitTimeout))
	return c
}

// closedBy waits until the server has closed a connection.
func closedBy(t *testing.T, c net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(c)
	if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // as net has it
		t.Fatal("the server keeps the connection")
	}
	_ = c.Close()
	return string(text)
}

func TestUnfinishedHandshake(t *testing.T) {
	const limit = 3 * time.Second
	inMemory(t, Limits{Handshake: limit, FailuresPerAddress: 1000}, func(t *testing.T, r *rig) {
		for _, hello := range []string{"", "SSH-2.0-slow\r\n", "SSH-2.0-x"} {
			started := time.Now()
			c := r.raw()
			_, _ = io.WriteString(c, hello)
			closedBy(t, c)
			if took := time.Since(started); took < limit {
				t.Errorf("%q: closed after %s", hello, took)
			}
		}
		// One that goes on sending a byte at a time is no better.
		c := r.raw()
		started := time.Now()
		for {
			if _, err := c.Write([]byte("a")); err != nil {
				break
			}
			if time.Since(started) > waitTimeout {
				t.Fatal("a dripping client is kept")
			}
			time.Sleep(100 * time.Millisecond)
		}
		_ = c.Close()
		r.serves()
	})
}

func TestGarbage(t *testing.T) {
	inMemory(t, Limits{Handshake: 3 * time.Second, FailuresPerAddress: 1000}, func(t *testing.T, r *rig) {
		for _, text := range []string{
			"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 1<<16), strings.Repeat("SSH-2.0-\n", 1000),
			"SSH-2.0-x\r\n" + strings.Repeat("\xff", 1<<16), "SSH-1.5-old\r\n",
			"SSH-2.0-\x1b]0;pwned\x07\r\n\x00\x00\x00\x0c\x0a\x14",
		} {
			c := r.raw()
			_, _ = io.WriteString(c, text)
			closedBy(t, c)
		}
		if strings.ContainsAny(r.log.String(), "\x1b\x07") {
			t.Error("an escape sequence is in the log")
		}
		r.serves()
	})
}

func TestForwarding(t *testing.T) {
	r := newRig(t, Limits{})
	c := r.dial(r.ann)
	for _, network := range []string{"tcp", "unix"} {
		if conn, err := c.Dial(network, "127.0.0.1:22"); err == nil || !strings.Contains(err.Error(), "forwards nothing") {
			t.Errorf("dial %s: %v, %v", network, conn, err)
		}
	}
	if l, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close()
		t.Error("it listens for a client")
	}
	if l, err := c.ListenUnix(r.path("socket")); err == nil {
		_ = l.Close()
		t.Error("it listens for a client")
	}
	for _, kind := range []string{"x11", "auth-agent@openssh.com", "tun@openssh.com", "nonsense\x1b[2J"} {
		if _, _, err := c.OpenChannel(kind, nil); err == nil {
			t.Errorf("%s was opened", kind)
		}
	}
	if s := r.server.Stats(); s.Connections != 1 || s.Accepted != 1 || s.Refused+s.Failed+s.Dropped != 0 || s.RequestsRefused != 8 {
		t.Errorf("%+v", s)
	}
	_ = c.Close()
	r.eventually("the end of the connection", func() bool { return r.server.Stats().Connections == 0 })
	if strings.Contains(r.log.String(), "\x1b") {
		t.Error("an escape sequence is in the log")
	}
	// One line about each client is enough.
	if log := r.log.String(); strings.Count(log, "the console does not forward") != 1 || !strings.Contains(log, "request=tcpip-forward") {
		t.Errorf("%s", log)
	}
	r.serves()
}

// What is no console and no command is refused with a sentence.
func TestRequests(t *testing.T) {
	r := newRig(t, Limits{})
	c := r.dial(r.ann)
	if _, stderr, status := r.shell(c); status != 1 || !strings.Contains(stderr, "no shell here") {
		t.Errorf("shell: %q, %d", stderr, status)
	}
	x, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	said, err := x.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.RequestSubsystem("sftp"); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(said); !strings.Contains(string(text), "no sftp") {
		t.Errorf("sftp: %q", text)
	}
	if x, err = c.NewSession(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	x.Stdout, x.Stderr = &out, &errs
	if err := x.Setenv("LD_PRELOAD", "/tmp/x.so"); err == nil {
		t.Error("a variable was taken")
	}
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "nonsense"} {
		if ok, err := x.SendRequest(kind, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	if err := x.Run("ok"); err != nil || out.String() != "served operator\n" {
		t.Errorf("after all that: %v, %q", err, out.String())
	}
	for _, want := range []string{"agent forwarding is refused", "X11 forwarding is refused"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %q", want, errs.String())
		}
	}
	for _, command := range []string{`'ok`, strings.Repeat("x", 9000), "", " "} {
		if _, stderr, status := r.commandOn(c, command); status != 1 || !strings.HasPrefix(stderr, "ctop: ") {
			t.Errorf("%.20q: %q, %d", command, stderr, status)
		}
	}
	_ = c.Close()
	r.serves()
}

func (r *rig) shell(c *ssh.Client) (stdout, stderr string, status int) {
	r.t.Helper()
	x, err := c.NewSession()
	if err != nil {
		r.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	x.Stdout, x.Stderr = &out, &errs
	if err := x.Shell(); err != nil {
		r.t.Fatal(err)
	}
	if exit, ok := x.Wait().(*ssh.ExitError); ok { //nolint:errorlint // Wait does not wrap it
		status = exit.ExitStatus()
	}
	return out.String(), errs.String(), status
}

// openMany tries to open sessions of a connection. It returns how many it could, which stay
// open until the test ends, and the last refusal.
func openMany(t *testing.T, c *ssh.Client, n int) (opened int, refused string) {
	for range n {
		x, err := c.NewSession()
		if err != nil {
			refused = err.Error()
			continue
		}
		opened++
		t.Cleanup(func() { _ = x.Close() })
	}
	return opened, refused
}

func TestManyChannels(t *testing.T) {
	r := newRig(t, Limits{Sessions: 20, SessionsPerKey: 8})
	c := r.dial(r.vic)
	opened, refused := openMany(t, c, 1000)
	if opened != 8 || !strings.Contains(refused, "your key has 8 sessions already") {
		t.Errorf("%d opened, %q", opened, refused)
	}
	// Another key is served meanwhile.
	if out, _, _ := r.command(r.ann, "ok"); out != "served operator\n" {
		t.Error(out)
	}
	_ = c.Close()
	r.serves()
}

func TestAllSessionsTaken(t *testing.T) {
	inMemory(t, Limits{Sessions: 2}, func(t *testing.T, r *rig) {
		a, b := r.open(r.ann, "xterm", 80, 24), r.open(r.vic, "xterm", 80, 24)
		c := r.dial(r.ann)
		if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "all 2 sessions are taken") {
			t.Error(err)
		}
		_ = c.Close()
		for _, s := range []*screen{a, b} {
			r.shows(s, "veth1")
			r.press(s, "q")
			if err := r.end(s); err != nil {
				t.Error(err)
			}
		}
		r.eventually("their places are free", func() bool { return r.server.Stats().Sessions == 0 })
		r.serves()
	})
}

// A client that opens a connection or a channel and asks for nothing is not
// kept.
func TestSilentClients(t *testing.T) {
	inMemory(t, Limits{Handshake: 3 * time.Second}, func(t *testing.T, r *rig) {
		lonely, silent := r.dial(r.vic), r.dial(r.vic)
		if _, err := silent.NewSession(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*ssh.Client{lonely, silent} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = c.Wait() // however it ended
			}()
			select {
			case <-done:
			case <-time.After(waitTimeout):
				t.Fatal("the connection is kept")
			}
		}
		r.serves()
	})
}

func TestStop(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm", 80, 24)
	r.shows(s, "veth1")
	r.stop()
	if err := r.end(s); err == nil || !strings.Contains(s.output.String(), "ctop: the server is stopping") {
		t.Errorf("%v; it was told %q", err, s.output.String())
	}
	if !strings.Contains(s.output.String(), "\x1b[?1049l") {
		t.Error("the terminal was not restored")
	}
	if _, err := os.Stat(r.path("audit")); err != nil {
		t.Error(err)
	}
}
