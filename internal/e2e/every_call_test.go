package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/tracker"
)

// The service is killed on its way into one system call after another, while it attaches, takes
// over another version's tracker, or ends. It starts again each time, from whatever is left, and
// in the end nothing is left.
//
// Where it is killed between two calls with effects on others does not matter. So only those
// calls are tested: all of them with CTOP_CHAOS, otherwise some that change from run to run.

// noticeable reports whether a call has effects on others.
func noticeable(c systemCall) bool {
	const ethtool = 0x8946 // SIOCETHTOOL
	switch c.number {
	case unix.SYS_BPF:
		switch c.args[0] {
		case unix.BPF_MAP_UPDATE_ELEM, unix.BPF_OBJ_PIN, unix.BPF_LINK_CREATE, unix.BPF_LINK_UPDATE, unix.BPF_LINK_DETACH:
			return true
		}
	case unix.SYS_IOCTL:
		return c.args[1] == ethtool
	case unix.SYS_OPENAT:
		return c.args[2]&unix.O_CREAT != 0
	case unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_FLOCK, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
		unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_LISTEN, unix.SYS_CAPSET:
		return true
	}
	return slices.Contains(oldCalls(), c.number)
}

// mortal is a service that is killed at each call in turn.
type mortal struct {
	*serving
	// under is a command that runs the service, or nothing.
	under []string
	runs  int
	log   *os.File
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	return mortalOf(t, newServing(t))
}

func mortalOf(t *testing.T, s *serving) *mortal {
	t.Helper()
	m := &mortal{serving: s}
	log, err := os.OpenFile(filepath.Join(m.state, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	m.log = log
	return m
}

// run starts the service, to be killed at a call, or not at all if killAt is zero.
func (m *mortal) run(killAt int) (p *tracee, ready func() bool) {
	m.t.Helper()
	m.runs++
	socket := filepath.Join(m.state, fmt.Sprintf("notify%d", m.runs))
	told := datagrams(m.t.(*testing.T), socket)
	cmd := m.command().Cmd
	if len(m.under) > 0 {
		path, err := exec.LookPath(m.under[0])
		if err != nil {
			m.t.Fatal(err)
		}
		cmd.Args = slices.Concat(m.under, []string{cmd.Path}, cmd.Args[1:])
		cmd.Path = path
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+socket)
	if err := m.log.Truncate(0); err != nil {
		m.t.Fatal(err)
	}
	cmd.Stderr = m.log
	p = &tracee{cmd: cmd, counts: noticeable, killAt: killAt}
	return p, func() bool { return strings.Contains(told.String(), "READY=1\n") }
}

func (m *mortal) logged() string {
	text, _ := os.ReadFile(m.log.Name())
	return string(text)
}

// start starts the service and waits until it is ready and forwards.
func (m *mortal) start(p *tracee, ready func() bool, what string) {
	m.t.Helper()
	p.start(m.t)
	m.eventually(what+": it is ready", func() bool {
		select {
		case <-p.ended:
			m.t.Fatalf("%s: it ended with status %d: %s", what, p.status.ExitStatus(), m.logged())
		default:
		}
		return ready()
	})
	m.forwards()
}

// killedStarting kills a start, and reports whether it had completed before.
func (m *mortal) killedStarting(n int) (over bool) {
	m.t.Helper()
	p, ready := m.run(n)
	p.armed.Store(true)
	p.start(m.t)
	m.eventually("it is killed or ready", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return ready()
		}
	})
	p.signal(unix.SIGKILL)
	<-p.ended
	if !p.killed && p.status.Signal() != unix.SIGKILL {
		m.t.Fatalf("killed at call %d: it ended with %v: %s", n, p.status, m.logged())
	}
	return !p.killed
}

// killedEnding starts the service and kills its end, and reports whether it had
// ended before.
func (m *mortal) killedEnding(n int, what string) (over bool) {
	m.t.Helper()
	p, ready := m.run(n)
	m.start(p, ready, what)
	p.armed.Store(true)
	p.signal(unix.SIGTERM)
	<-p.ended
	if !p.killed && (!p.status.Exited() || p.status.ExitStatus() != 0) {
		m.t.Fatalf("%s: it ended with %v: %s", what, p.status, m.logged())
	}
	return !p.killed
}

// each kills it at one call after another until no calls are left.
func (m *mortal) each(kill func(n int) (over bool)) {
	step := 1
	if !chaos() {
		step = 24
	}
	points := 0
	for n := 1 + rand.IntN(step); !kill(n); n += step {
		points++
	}
	m.t.Logf("killed at %d points", points)
}

func TestKilledAtEveryCall(t *testing.T) {
	t.Run("start", func(t *testing.T) {
		m := newMortal(t)
		before := offloads(t, m.Lab)
		m.each(func(n int) (over bool) {
			over = m.killedStarting(n)
			m.killedEnding(0, fmt.Sprintf("after it was killed at call %d of its start", n))
			checkDetached(t, m.Lab)
			if after := offloads(t, m.Lab); after != before {
				t.Fatalf("after it was killed at call %d of its start: offloads are %v, they were %v", n, after, before)
			}
			return over
		})
	})
	t.Run("start with pins that end with it", func(t *testing.T) {
		m := newMortal(t)
		before := offloads(t, m.Lab)
		var journals string
		m.under, journals = inMiddle(t, m.Lab)
		ip(t, "-n", "middle", "link", "set", "lo", "up")
		m.each(func(n int) (over bool) {
			over = m.killedStarting(n)
			m.killedEnding(0, fmt.Sprintf("after it was killed at call %d of its start", n))
			if after := offloads(t, m.Lab); after != before {
				t.Fatalf("after it was killed at call %d of its start: offloads are %v, they were %v", n, after, before)
			}
			if _, err := os.Stat(journals); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("after it was killed at call %d of its start: %s is left: %v", n, journals, err)
			}
			return over
		})
	})
	t.Run("end", func(t *testing.T) {
		m := newMortal(t)
		before := offloads(t, m.Lab)
		last := 0
		m.each(func(n int) (over bool) {
			over = m.killedEnding(n, fmt.Sprintf("after it was killed at call %d of its end", last))
			last = n
			return over
		})
		checkDetached(t, m.Lab)
		if after := offloads(t, m.Lab); after != before {
			t.Errorf("offloads are %v, they were %v", after, before)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		m := newMortal(t)
		m.killedStarting(0)
		r := &rig{Lab: m.Lab, t: t, ctx: m.ctx}
		client, server := r.connect(r.Server.Addr4())
		say(t, client, server, "hello")
		first := established(t, m.serving)
		m.each(func(n int) (over bool) {
			makeForeign(t, "programs", `"programs":"`)
			over = m.killedStarting(n)
			p, ready := m.run(0)
			m.start(p, ready, fmt.Sprintf("after it was killed at call %d of taking over", n))
			p.signal(unix.SIGKILL)
			<-p.ended
			say(t, client, server, "hello")
			if now := established(t, m.serving); now.ID != first.ID {
				t.Fatalf("killed at call %d of taking over: the flow is %v, it was %v", n, now.ID, first.ID)
			}
			return over
		})
		if err := tracker.Down(m.ctx, m.Client.Port(), m.Server.Port()); err != nil {
			t.Fatal(err)
		}
		checkDetached(t, m.Lab)
	})
}
