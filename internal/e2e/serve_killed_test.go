package e2e

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// kill -9 of the server with open consoles: the clients end, forwarding
// continues, no lock remains, and the next process takes over the flows. What
// is left in the end depends on --keep.
func TestServeKilled(t *testing.T) {
	for name, keep := range map[string]bool{"plain": false, "keep": true} {
		t.Run(name, func(t *testing.T) {
			s := newServing(t)
			var args []string
			if keep {
				args = append(args, "--keep")
			}
			s.start(s.command(args...))
			first, second := s.console(s.dial(servedAddr)), s.console(s.dial(servedAddr))
			s.kill()
			for _, o := range []*opened{first, second} {
				if err := s.ends(o); err == nil {
					t.Error("a session ended as if all were well")
				}
			}
			if _, err := lab.Ping(s.ctx, s.Client, s.Server.Addr4()); err != nil {
				t.Errorf("the tracker without an owner does not forward: %v", err)
			}
			s.start(s.command(args...))
			s.console(s.dial(servedAddr))
			s.stop()
			if !keep {
				checkDetached(t, s.Lab)
				return
			}
			if _, err := lab.Ping(s.ctx, s.Client, s.Server.Addr4()); err != nil {
				t.Errorf("the kept tracker does not forward: %v", err)
			}
			if out, err := ctop(s.ctx, t, "down", s.Client.Port(), s.Server.Port()).CombinedOutput(); err != nil {
				t.Fatalf("down: %v: %s", err, out)
			}
			checkDetached(t, s.Lab)
		})
	}
}

// The network to an operator fails silently: the operator's sessions are
// closed, and nobody else notices.
func TestServeWithoutTheNetwork(t *testing.T) {
	s := newServing(t)
	desk, err := s.AddHost(s.ctx, lab.HostOptions{Name: "desk", Port: "desk0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(s.ctx, "ip", "address", "add", "192.0.2.1/24", "dev", desk.Port()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The clients are this test, which a busy machine lets wait for seconds, too.
	s.start(s.command("--ssh-stall", "12s", "--ssh-handshake", "2m"))
	far := s.console(s.dialFrom(desk, "192.0.2.1:"+servedPort))
	near := s.console(s.dial(servedAddr))
	if n := s.metric("ctop_ssh_consoles"); n != 2 {
		t.Errorf("%v consoles", n)
	}
	if err := s.Unplug(desk); err != nil {
		t.Fatal(err)
	}
	s.eventually("the session is given up", func() bool { return s.metric("ctop_ssh_consoles") == 1 })
	s.eventually("it is counted", func() bool { return s.metric("ctop_ssh_stalled_total") == 1 })
	s.eventually("the log says why", func() bool {
		return strings.Contains(s.log.String(), "lost a client") || strings.Contains(s.log.String(), "disconnected a client")
	})
	_ = far.client.Close()
	if _, err := near.keys.Write([]byte("q")); err != nil {
		t.Fatal(err)
	}
	if err := s.ends(near); err != nil {
		t.Errorf("the other session ended with %v", err)
	}
	_ = near.client.Close()
	s.forwards()
	s.holdsNothing()
	s.stop()
	checkDetached(t, s.Lab)
}
