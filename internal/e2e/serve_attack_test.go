package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ctop/internal/lab"
)

// attack is a misuse of a server by a client.
type attack struct {
	name string
	do   func(s *serving)
}

func attacks() []attack {
	return []attack{
		{"connections", manyConnections},
		{"garbage", garbage},
		{"unfinished handshakes", unfinished},
		{"wrong keys", wrongKeys},
		{"channels", manyChannels},
		{"forwarding", forwarding},
		{"window changes", windowChanges},
		{"input", bigInput},
	}
}

// Whatever a client does, the tracker loses no event, forwards every byte, and
// the service keeps serving and holds nothing of the client afterwards.
func TestServeAttacked(t *testing.T) {
	s := newServing(t)
	s.limit = 5 * time.Second
	s.start(s.command("--ssh-handshake", "5s", "--ssh-failures-per-address", "1000000", "--ssh-stall", "5s"))
	s.run("timeouts")
	s.holdsNothing()
	before := s.descriptors()
	ctx, cancel := context.WithCancel(s.ctx)
	traffic := make(chan error, 1)
	go func() { traffic <- lab.Traffic(ctx, s.Lab, lab.TrafficOptions{Rate: 1_000_000}) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-traffic; err != nil {
			t.Error(err)
		}
	})
	defer stop()
	for _, a := range attacks() {
		a.do(s)
		s.servesAgain()
		if out := s.run("dump --limit 1"); !strings.Contains(out, "PROTO") {
			t.Errorf("after %s: %q", a.name, out)
		}
		s.holdsNothing()
		s.eventually("no descriptor of "+a.name+" is left", func() bool { return s.descriptors() <= before+1 })
	}
	if n := s.metric("ctop_events_total"); n == 0 {
		t.Error("there were no events to lose")
	}
	if err := lab.Transfer(s.ctx, s.Client, s.Server, s.Server.Addr4(), 1<<20); err != nil {
		t.Error(err)
	}
	stop()
	s.stop()
	checkDetached(t, s.Lab)
}

// raw connects without SSH.
func (s *serving) raw() net.Conn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", servedAddr, waitTimeout)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(waitTimeout))
	return c
}

func manyConnections(s *serving) {
	for range 2000 {
		_ = s.raw().Close()
	}
}

func garbage(s *serving) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 1<<20), "SSH-2.0-\x1b[2J\r\n"} {
		c := s.raw()
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c) // until it is cut off
		_ = c.Close()
	}
}

func unfinished(s *serving) {
	var all []net.Conn
	for range 10 {
		c := s.raw()
		_, _ = io.WriteString(c, "SSH-2.0-slow\r\n")
		all = append(all, c)
	}
	for _, c := range all {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
}

func wrongKeys(s *serving) {
	config := s.config()
	config.Auth = []ssh.AuthMethod{ssh.Password("secret")}
	for range 20 {
		if c, err := ssh.Dial("tcp", servedAddr, config); err == nil {
			_ = c.Close()
			s.t.Fatal("a password let somebody in")
		}
	}
}

func manyChannels(s *serving) {
	c := s.dial(servedAddr)
	for range 1000 {
		_, _ = c.NewSession()
	}
	_ = c.Close()
}

func forwarding(s *serving) {
	c := s.dial(servedAddr)
	for range 200 {
		if conn, err := c.Dial("tcp", "127.0.0.1:22"); err == nil {
			_ = conn.Close()
			s.t.Error("it forwards")
		}
	}
	_ = c.Close()
}

func windowChanges(s *serving) {
	var x *ssh.Session
	c := s.inTime(servedAddr, func(c *ssh.Client) (err error) {
		if x, err = c.NewSession(); err != nil {
			return err
		}
		return errors.Join(x.RequestPty("xterm", 65535, 65535, nil), x.Shell())
	})
	for i := range 10_000 {
		_ = x.WindowChange(i%500, i%700)
	}
	_ = c.Close()
}

// bigInput sends as much as is accepted in a while, up to 100 MB.
func bigInput(s *serving) {
	var o *opened
	s.inTime(servedAddr, func(c *ssh.Client) (err error) {
		o, err = newConsole(c)
		return err
	})
	timer := time.AfterFunc(2*time.Second, func() { _ = o.client.Close() })
	defer timer.Stop()
	_, _ = io.Copy(o.keys, io.LimitReader(pressed{}, 100<<20))
	_ = o.client.Close()
}

// pressed is a key that is pressed forever.
type pressed struct{}

func (pressed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'j'
	}
	return len(p), nil
}
