package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// container is an unnamed network namespace, held by a process with every
// capability, with the peer of a veth link.
type container struct {
	t   *testing.T
	pid int
}

func newContainer(t *testing.T) *container {
	t.Helper()
	cmd := exec.Command("sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := &container{t: t, pid: cmd.Process.Pid}
	c.plug()
	return c
}

// plug creates the link q0, which disappears with the namespace.
func (c *container) plug() {
	c.t.Helper()
	ip(c.t, "link", "add", "q0", "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprint(c.pid))
	ip(c.t, "link", "set", "q0", "up")
	c.inside("ip", "link", "set", "eth0", "up")
}

func (c *container) inside(args ...string) string {
	c.t.Helper()
	out, err := exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", c.pid)}, args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// changed returns how many of two settings of eth0 are as native XDP needs
// them.
func (c *container) changed() (n int) {
	c.t.Helper()
	text := c.inside("ethtool", "-k", "eth0")
	for _, line := range []string{"generic-receive-offload: on", "tx-vlan-offload: off"} {
		n += strings.Count(text, line)
	}
	return n
}

// serveContainer serves between a container and the server's host.
func serveContainer(t *testing.T, s *serving) *container {
	t.Helper()
	c := newContainer(t)
	c.serve(s)
	if n := c.changed(); n != 2 {
		t.Fatalf("%d settings were changed", n)
	}
	return c
}

// serve starts the service by a command that changes its environment, or
// directly if there is none.
func (c *container) serve(s *serving, under ...string) {
	c.t.Helper()
	cmd := ctop(s.ctx, c.t, "serve", "--metrics", servedMetrics, "--mode", "native", "q0", s.Server.Port())
	if len(under) > 0 {
		path, err := exec.LookPath(under[0])
		if err != nil {
			c.t.Fatal(err)
		}
		cmd.Args = slices.Concat(under, []string{cmd.Path}, cmd.Args[1:])
		cmd.Path = path
	}
	s.cmd, s.log = cmd, &said{}
	cmd.Stderr = s.log
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+s.state)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	s.eventually("it serves", func() bool { return strings.Contains(s.log.String(), "msg=serving") })
}

// The peer is in a namespace that only its processes show, with capabilities
// that the service drops. The service still restores settings, and attaches to
// a link that returns.
func TestServeUnnamedPeer(t *testing.T) {
	s := newServing(t)
	c := serveContainer(t, s)
	ip(t, "link", "delete", "q0")
	c.plug()
	s.eventually("it is attached to again", func() bool { return strings.Contains(s.log.String(), "q0 came back") })
	s.eventually("its peer is changed", func() bool { return c.changed() == 2 })
	s.stop()
	if n := c.changed(); n != 0 {
		t.Errorf("%d settings were not put back: %s", n, s.log.end())
	}
	checkDetached(t, s.Lab)
}

// Without that capability the peer of a returning link is not found, and the
// log says which capability is missing.
func TestReplugOutOfReach(t *testing.T) {
	s := newServing(t)
	c := serveContainer(t, s)
	s.kill()
	c.serve(s, "setpriv", "--bounding-set="+named, "--inh-caps=-all")
	ip(t, "link", "delete", "q0")
	c.plug()
	s.eventually("it says what it takes", func() bool {
		return strings.Contains(s.log.String(), "attach to q0 again: ") && strings.Contains(s.log.String(), "takes CAP_SYS_PTRACE")
	})
	carriesNothing(t, "q0")
	s.stop()
	checkDetached(t, s.Lab)
}

// A ctop that ends the tracker but cannot reach the peer says so, and leaves
// the records that "ctop down" needs.
func TestPeerOutOfReach(t *testing.T) {
	s := newServing(t)
	c := serveContainer(t, s)
	s.kill()
	c.serve(s, "setpriv", "--bounding-set="+named, "--inh-caps=-all")
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	last := s.log.end()
	if status := s.cmd.ProcessState.ExitCode(); status != 1 || !strings.Contains(last, `"ctop down q0 `+s.Server.Port()+`" as root`) || c.changed() != 2 {
		t.Errorf("exit status %d, %s", status, last)
	}
	carriesNothing(t, "q0")
	if o := runUnder(s.ctx, t, nil, "down", "q0", s.Server.Port()); o.status != 0 || c.changed() != 0 {
		t.Errorf("down: exit status %d, %q", o.status, o.stderr)
	}
	checkDetached(t, s.Lab)
}
