package console

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestConsole(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm-256color", 120, 30)
	r.shows(s, "10.0.0.1:40000")
	r.press(s, "d")
	r.shows(s, "delete 1 flow?")
	r.press(s, "y")
	r.eventually("a flow was deleted", func() bool { return r.source.acts() == 1 })
	r.press(s, "q")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
	r.serves()
}

// Ctrl-L draws everything again, also what the client should show already.
func TestRedraw(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.vic, "xterm", 120, 30)
	r.shows(s, "10.0.0.1:40000")
	titles := func() int { return strings.Count(s.output.String(), "PROTO") }
	before := titles()
	r.press(s, "\x0c")
	r.eventually("the titles are drawn again", func() bool { return titles() > before })
	r.press(s, "q")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
}

// The page of a flow shows what the server's machine knows of it.
func TestInspectedFromElsewhere(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.vic, "xterm", 120, 30)
	r.shows(s, "10.0.0.1:40000")
	r.press(s, "\r")
	r.shows(s, "reply, of this machine: cwnd 12")
	r.press(s, "\x03")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
	r.serves()
}

// A console that panics ends alone, with a status and a line in the log: others go
// on.
func TestPanicInASession(t *testing.T) {
	r := newRig(t, Limits{})
	ann := r.open(r.ann, "xterm", 120, 30)
	r.shows(ann, "10.0.0.1:40000")
	r.source.panics.Store(true)
	var exit *ssh.ExitError
	if err := r.end(ann); !errors.As(err, &exit) || exit.ExitStatus() != exitFailed {
		t.Errorf("%v", err)
	}
	r.eventually("the log says so", func() bool { return strings.Contains(r.log.String(), "panic") })
	vic := r.open(r.vic, "xterm", 120, 30)
	r.shows(vic, "10.0.0.1:40000")
	r.press(vic, "q")
	if err := r.end(vic); err != nil {
		t.Error(err)
	}
	r.serves()
}

// A viewer's acting keys do nothing and say why.
func TestViewerOnlyLooks(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.vic, "xterm", 120, 30)
	r.shows(s, "10.0.0.1:40000")
	r.press(s, "d")
	r.shows(s, "viewer: read only")
	if strings.Contains(s.output.String(), "delete 1 flow?") {
		t.Error("a viewer was asked")
	}
	for _, keys := range []string{"+", "-", "0", "ty", "D"} {
		r.press(s, keys)
		time.Sleep(50 * time.Millisecond)
	}
	r.press(s, "\x03")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
	if r.source.acts() != 0 {
		t.Error("a viewer acted")
	}
	r.serves()
}

// Operators see who is on and what others did.
func TestOtherSessions(t *testing.T) {
	r := newRig(t, Limits{})
	vic := r.open(r.vic, "xterm", 140, 30)
	r.press(vic, "2")
	r.shows(vic, "viewer vic@desk")
	ann := r.open(r.ann, "xterm", 140, 30)
	r.shows(ann, "veth1")
	r.shows(vic, "operator ann@desk opened a console")
	if _, stderr, status := r.command(r.ann, "delete"); status != 0 {
		t.Fatal(stderr)
	}
	r.shows(vic, "ann@desk deleted")
	r.press(ann, "q")
	r.shows(vic, "operator ann@desk left")
	r.press(vic, "q")
	_, _ = r.end(ann), r.end(vic)
	r.serves()
}

func TestColours(t *testing.T) {
	r := newRig(t, Limits{})
	for term, want := range map[string]struct{ attributes, colours bool }{
		"xterm-256color": {true, true}, "xterm": {true, true}, "vt220": {true, false}, "dumb": {false, false},
		"": {false, false}, "\x1b]0;pwned\x07": {false, false},
	} {
		s := r.open(r.ann, term, 100, 20)
		r.shows(s, "10.0.0.1")
		r.press(s, "q")
		if err := r.end(s); err != nil {
			t.Error(err)
		}
		text := s.output.String()
		if got := strings.Contains(text, "\x1b[7m"); got != want.attributes {
			t.Errorf("%q: attributes: %v", term, got)
		}
		if got := strings.Contains(text, "\x1b[36m"); got != want.colours {
			t.Errorf("%q: colours: %v", term, got)
		}
	}
	r.serves()
}

func TestSizes(t *testing.T) {
	r := newRig(t, Limits{})
	for _, size := range [][2]int{{0, 0}, {65535, 65535}, {1, 1}, {0, 24}, {80, 0}} {
		s := r.open(r.ann, "xterm", size[0], size[1])
		if size[0] != 1 {
			r.shows(s, "ctop")
		}
		r.press(s, "q")
		if err := r.end(s); err != nil {
			t.Error(size, err)
		}
		if n := len(s.output.String()); n > 4*maxColumns*maxRows {
			t.Errorf("%v: %d bytes for a screen", size, n)
		}
	}
	r.serves()
}

// A storm of changes costs a few drawings, not one each.
func TestResizeStorm(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm", 80, 24)
	r.shows(s, "veth1")
	for i := range 20_000 {
		if err := s.WindowChange(10+i%50, 40+i%100); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WindowChange(24, 200); err != nil {
		t.Fatal(err)
	}
	r.press(s, "?")
	r.shows(s, "to the top, and stay there")
	r.press(s, "\x03")
	if err := r.end(s); err != nil {
		t.Error(err)
	}
	r.serves()
}

// Input that nobody could type is taken slowly; others do not notice.
func TestBigInput(t *testing.T) {
	r := newRig(t, Limits{})
	flood := r.open(r.vic, "xterm", 80, 24)
	r.shows(flood, "veth1")
	sent := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(flood.keys, io.LimitReader(zeros{}, 100<<20))
		sent <- n
	}()
	started := time.Now()
	ann := r.open(r.ann, "xterm", 80, 24)
	r.shows(ann, "veth1")
	r.press(ann, "q")
	if err := r.end(ann); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Second) // in which much more could be read
	_ = flood.client.Close()
	// What SSH lets a client send ahead, and little that was read.
	const ahead = 2 << 20
	most := ahead + 2*inputBurst + int64(time.Since(started).Seconds()*inputRate)
	if n := <-sent; n > most {
		t.Errorf("%d bytes were taken, %d are too many", n, most)
	}
	r.serves()
}

// zeros is a key pressed for ever.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'j'
	}
	return len(p), nil
}

// Nothing that a client says about itself reaches a screen or the log raw.
func TestEscapeSequences(t *testing.T) {
	const evil = "\x1b]0;pwned\x07\x1b[2J"
	r := newRig(t, Limits{})
	ann := r.open(r.ann, "xterm", 140, 30)
	r.press(ann, "2")
	r.shows(ann, "on:")
	config := r.config(r.vic)
	config.User, config.ClientVersion = evil, "SSH-2.0-x"
	c, err := ssh.Dial("tcp", r.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{evil, "ok " + evil, "'" + evil} {
		_, _, _ = r.commandOn(c, command)
	}
	x, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	_ = x.Setenv(evil, evil)
	_, _ = x.SendRequest(evil, true, []byte(evil))
	_ = x.RequestPty(evil, 24, 80, nil)
	_ = x.Shell()
	r.shows(ann, "vic@desk opened a console")
	_ = c.Close()
	r.press(ann, "q")
	if err := r.end(ann); err != nil {
		t.Error(err)
	}
	if strings.Contains(ann.output.String(), "pwned") || strings.Contains(r.log.String(), "\x1b") {
		t.Errorf("it got through: %q", r.log.String())
	}
	r.serves()
}

// A client that takes nothing delays nobody, and is cut off.
func TestStalledClient(t *testing.T) {
	inMemory(t, Limits{Stall: 10 * time.Second}, func(t *testing.T, r *rig) {
		conn := &deaf{Conn: r.raw(), from: make(chan struct{})}
		_ = conn.SetDeadline(time.Time{})
		c := r.login(conn, r.vic)
		x, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Start("flood"); err != nil {
			t.Fatal(err)
		}
		close(conn.from)
		served := 0
		for r.server.Stats().Stalled == 0 && served < 100 {
			if out, _, _ := r.command(r.ann, "ok"); out != "served operator\n" {
				t.Errorf("%q", out)
			}
			served++
			time.Sleep(time.Second)
		}
		if served < 10 { // who waits for it is served once, when it is cut off
			t.Errorf("%d others were served beside it", served)
		}
		r.eventually("it is cut off", func() bool { return r.server.Stats().Stalled > 0 })
		_ = conn.Close()
		_ = c.Close()
		r.serves()
	})
}

// deaf stops reading from a moment on.
type deaf struct {
	net.Conn
	from chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	select {
	case <-d.from:
		time.Sleep(200 * time.Millisecond)
		if len(p) > 1 {
			p = p[:1]
		}
	default:
	}
	return d.Conn.Read(p)
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newRelay()
		r := newRigAt(t, Limits{Idle: time.Minute}, link)
		s := r.openOn(r.login(link.dial(), r.vic), &logged{}, "xterm", 80, 24)
		for range 5 {
			r.press(s, "j")
			time.Sleep(59 * time.Second)
		}
		select {
		case err := <-s.ended:
			t.Fatalf("it ended while it was used: %v", err)
		default:
		}
		time.Sleep(2 * time.Second)
		if r.end(s) == nil || !strings.Contains(s.output.String(), "closed after 1m0s without a key") {
			t.Errorf("it was told %q", s.output.String())
		}
		r.stop()
	})
}

// Clients that vanish leave nothing.
func TestVanishingClients(t *testing.T) {
	r := newRig(t, Limits{SessionsPerKey: 20})
	for i := range 10 {
		s := r.open(r.ann, "xterm", 80, 24)
		if i%2 == 0 {
			r.shows(s, "veth1")
		}
		_ = s.client.Close()
		_ = r.end(s)
	}
	c := r.dial(r.ann)
	x, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Start("wait"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	r.serves()
}

// Fifty at once, each with a view of its own.
func TestManyConsoles(t *testing.T) {
	r := newRig(t, Limits{SessionsPerKey: 50, StartupsPerAddress: 50})
	var all []*screen
	for i := range 50 {
		all = append(all, r.open(r.vic, "xterm", 80+i, 24))
	}
	for _, s := range all {
		r.shows(s, "veth1")
	}
	if n := r.server.Stats().Consoles; n != 50 {
		t.Error(fmt.Sprint(n, " consoles"))
	}
	for _, s := range all {
		r.press(s, "q")
	}
	for _, s := range all {
		if err := r.end(s); err != nil {
			t.Error(err)
		}
	}
	r.serves()
}
