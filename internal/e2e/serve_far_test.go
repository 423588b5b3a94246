package e2e

import (
	"context"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ctop/internal/lab"
	"ctop/internal/tmux"
)

// OpenSSH's client in a real terminal, over a link of 200 ms that loses one
// packet in twenty in both directions: the console works, resizes, and q ends
// it with status 0.
func TestServeFarAway(t *testing.T) {
	for _, tool := range []string{"tmux", "ssh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: apt-get install tmux openssh-client", tool)
		}
	}
	s := newServing(t)
	far := lab.Impairment{Delay: 100 * time.Millisecond, Loss: 0.05}
	desk, err := s.AddHost(s.ctx, lab.HostOptions{
		Name: "desk", Port: "desk0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")},
		Cable: &lab.CableOptions{Seed: 1, Out: far, In: far},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(s.ctx, "ip", "address", "add", "192.0.2.1/24", "dev", desk.Port()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.start(s.command("--ssh-handshake", "2m")) // the client tries once, and the way is slow
	s.talk("5001")
	x, err := tmux.Start(s.ctx, tmux.Options{
		Width: 100, Height: 24,
		Command: []string{
			"ip", "netns", "exec", desk.Name(), "ssh", "-F", "none", "-p", servedPort, "-i", s.identity(),
			"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(s.state, "known"), "192.0.2.1",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	shows := func(text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(s.ctx, 3*waitTimeout)
		defer cancel()
		if screen, err := x.WaitFor(ctx, func(screen string) bool { return strings.Contains(screen, text) }); err != nil {
			t.Fatalf("%s: %v:\n%s", text, err, screen)
		}
	}
	press := func(keys ...string) {
		t.Helper()
		if err := x.Press(s.ctx, keys...); err != nil {
			t.Fatal(err)
		}
	}
	shows("[1 Flows]")
	press("5")
	shows("tcp_established")
	press("1", "/")
	press("5", "0", "0", "1", "Enter")
	shows("filter: 5001")
	press("d")
	shows("delete 1 flow?")
	press("y")
	shows("deleted")
	if err := x.Resize(s.ctx, 60, 12); err != nil {
		t.Fatal(err)
	}
	shows("? help   q quit")
	press("q")
	ctx, cancel := context.WithTimeout(s.ctx, 3*waitTimeout)
	defer cancel()
	screen, err := x.WaitFor(ctx, func(string) bool { _, ended, err := x.Ended(ctx); return err == nil && ended })
	if err != nil {
		t.Fatalf("%v:\n%s", err, screen)
	}
	if status, _, _ := x.Ended(ctx); status != 0 {
		t.Errorf("status %d:\n%s", status, screen)
	}
	if out, in := desk.Cable(); out.Lost == 0 || in.Lost == 0 {
		t.Errorf("nothing was lost on the way: %+v, %+v", out, in)
	}
	s.holdsNothing()
	s.stop()
	checkDetached(t, s.Lab)
}

// talk opens a lasting connection through the tracker.
func (s *serving) talk(port string) {
	s.t.Helper()
	at := net.JoinHostPort(s.Server.Addr4().String(), port)
	l, err := s.Server.Listen(s.ctx, "tcp", at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = l.Close() })
	c, err := s.Client.Dial(s.ctx, "tcp", at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
}

// identity writes the operator's key to a file.
func (s *serving) identity() string {
	s.t.Helper()
	block, err := ssh.MarshalPrivateKey(s.private, "ann")
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.state, "ann")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
