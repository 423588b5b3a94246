package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ctop/internal/lab"
	"ctop/internal/scrape"
)

// Addresses of the service in the tests' network namespace.
const (
	servedPort    = "2222"
	servedAddr    = "127.0.0.1:" + servedPort
	servedMetrics = "127.0.0.1:9477"
)

// said is output that is read while it grows.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// end returns the last part of long output.
func (s *said) end() string {
	text := s.String()
	return text[max(0, len(text)-4096):]
}

// serving is "ctop serve" between the hosts of a lab, with an operator's key.
type serving struct {
	*lab.Lab
	t     testing.TB
	ctx   context.Context
	state string
	ann   ssh.Signer
	// private is ann's private key.
	private ed25519.PrivateKey
	// interfaces are those of the service.
	interfaces []string
	// limit is the time that the service has for a login and a first request.
	limit time.Duration

	cmd *lab.Cmd
	log *said
}

func newServing(t testing.TB) *serving {
	t.Helper()
	return newServingWith(t, lab.Options{})
}

func newServingWith(t testing.TB, o lab.Options) *serving {
	t.Helper()
	l, ctx := newLabWith(t, o)
	return newServingIn(ctx, t, l)
}

// newServingIn is the same in a lab that is there.
func newServingIn(ctx context.Context, t testing.TB, l *lab.Lab) *serving {
	t.Helper()
	s := &serving{Lab: l, t: t, ctx: ctx, state: t.TempDir(), interfaces: []string{l.Client.Port(), l.Server.Port()}, limit: 15 * time.Second}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.private = private
	if s.ann, err = ssh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.state, "ctop")
	keys := `role="operator" ` + string(ssh.MarshalAuthorizedKey(s.ann.PublicKey()))
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(keys), 0o600)); err != nil {
		t.Fatal(err)
	}
	return s
}

// command prepares a run of the program as a service.
func (s *serving) command(args ...string) *lab.Cmd {
	args = append([]string{"serve", "--ssh", "0.0.0.0:" + servedPort, "--metrics", servedMetrics}, args...)
	cmd := ctop(s.ctx, s.t, append(args, s.interfaces...)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+s.state)
	return cmd
}

// start runs a command and waits until it serves and forwards.
func (s *serving) start(cmd *lab.Cmd) {
	s.t.Helper()
	s.cmd, s.log = cmd, &said{}
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stopped := cmd.Process.Pid
	s.t.Cleanup(func() {
		if s.cmd.ProcessState == nil && s.cmd.Process.Pid == stopped {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	// A busy machine takes long to verify the programs.
	s.within(5*waitTimeout, "it serves", func() bool { return strings.Contains(s.log.String(), "msg=serving") })
	s.forwards()
}

// forwards waits until a ping passes.
func (s *serving) forwards() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, waitTimeout)
	defer cancel()
	if err := lab.WaitPing(ctx, s.Client, s.Server.Addr4()); err != nil {
		s.t.Fatalf("it does not forward: %v", err)
	}
}

// kill ends the service without a chance to clean up.
func (s *serving) kill() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// stop ends the service normally.
func (s *serving) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it ended with %v: %s", err, s.log.end())
	}
}

func (s *serving) eventually(what string, holds func() bool) {
	s.t.Helper()
	s.within(waitTimeout, what, holds)
}

func (s *serving) within(timeout time.Duration, what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(timeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			text := "not kept"
			if s.log != nil {
				text = s.log.end()
			}
			s.t.Fatalf("never: %s; the log: %s", what, text)
		}
	}
}

// dial logs in.
func (s *serving) dial(address string) *ssh.Client {
	s.t.Helper()
	return s.inTime(address, func(*ssh.Client) error { return nil })
}

// inTime logs in and does what the service limits. If that fails once the limit is over, the
// machine was too busy, and it tries again.
func (s *serving) inTime(address string, do func(c *ssh.Client) error) *ssh.Client {
	s.t.Helper()
	for end := time.Now().Add(waitTimeout); ; {
		began := time.Now()
		c, err := ssh.Dial("tcp", address, s.config())
		if err == nil {
			s.t.Cleanup(func() { _ = c.Close() })
			if err = do(c); err == nil {
				return c
			}
			_ = c.Close()
		}
		if now := time.Now(); now.Sub(began) < s.limit || now.After(end) {
			s.t.Fatalf("%v after %s; the log: %s", err, now.Sub(began), s.log.end())
		}
	}
}

// servesAgain waits until a login succeeds: leaving clients may still hold
// every place of their address.
func (s *serving) servesAgain() {
	s.t.Helper()
	s.eventually("it serves again", func() bool {
		c, err := ssh.Dial("tcp", servedAddr, s.config())
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// dialFrom logs in from a host.
func (s *serving) dialFrom(h *lab.Host, address string) *ssh.Client {
	s.t.Helper()
	conn, err := h.Dial(s.ctx, "tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, s.config())
	if err != nil {
		s.t.Fatalf("%v; the log: %s", err, s.log.end())
	}
	client := ssh.NewClient(c, channels, requests)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *serving) config() *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: "ann", Auth: []ssh.AuthMethod{ssh.PublicKeys(s.ann)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: waitTimeout,
	}
}

// opened is an open console of an operator.
type opened struct {
	client *ssh.Client
	output *said
	keys   io.Writer
	ended  chan error
}

// console opens a console and waits until it shows the tracker.
func (s *serving) console(c *ssh.Client) *opened {
	s.t.Helper()
	o, err := newConsole(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the console shows the tracker", func() bool { return strings.Contains(o.output.String(), s.Client.Port()) })
	return o
}

func newConsole(c *ssh.Client) (*opened, error) {
	x, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	o := &opened{client: c, output: &said{}, ended: make(chan error, 1)}
	x.Stdout, x.Stderr = o.output, o.output
	if o.keys, err = x.StdinPipe(); err != nil {
		return nil, err
	}
	if err := errors.Join(x.RequestPty("xterm", 24, 80, nil), x.Shell()); err != nil {
		return nil, err
	}
	go func() { o.ended <- x.Wait() }()
	return o, nil
}

// ends waits for the end of a session.
func (s *serving) ends(o *opened) error {
	s.t.Helper()
	select {
	case err := <-o.ended:
		return err
	case <-time.After(waitTimeout):
		s.t.Fatalf("the session does not end; the log: %s", s.log.end())
		return nil
	}
}

// run runs a headless command and returns its output.
func (s *serving) run(command string) string {
	s.t.Helper()
	var out []byte
	_ = s.inTime(servedAddr, func(c *ssh.Client) error {
		x, err := c.NewSession()
		if err != nil {
			return err
		}
		if out, err = x.CombinedOutput(command); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return nil
	}).Close()
	return string(out)
}

// metric returns the value of a metric of the service.
func (s *serving) metric(name string) float64 {
	s.t.Helper()
	return s.metrics(name + " ")
}

// metrics returns the sum of the metrics of the service that begin so. A busy service may answer
// too late, and is asked again.
func (s *serving) metrics(begin string) (sum float64) {
	s.t.Helper()
	s.eventually("there is "+begin, func() (found bool) {
		for name, value := range scrape.Metrics(servedMetrics) {
			if strings.HasPrefix("ctop_"+name+" ", begin) {
				found, sum = true, sum+value
			}
		}
		return found
	})
	return sum
}

// holdsNothing waits until no session, connection or place is left, and fails
// if the tracker lost events.
func (s *serving) holdsNothing() {
	s.t.Helper()
	for _, name := range []string{"ctop_ssh_sessions", "ctop_ssh_consoles", "ctop_ssh_connections"} {
		s.eventually(name+" is 0", func() bool { return s.metric(name) == 0 })
	}
	if n := s.metric("ctop_events_lost_total"); n != 0 {
		s.t.Errorf("%v events were lost", n)
	}
}

// descriptors returns the number of open descriptors of the service.
func (s *serving) descriptors() int {
	s.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(entries)
}
