package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
)

// whoLinks is the number of programs that find out which process has which socket: seven
// at the control group, one at a tracepoint.
const whoLinks = 8

// naming is a service that looks for processes, at the root of the control groups, and is
// killed.
type naming struct {
	*mortal
	// seen are all its links to such programs, by the ID.
	seen map[link.ID]bool
}

func newNaming(t *testing.T) *naming {
	t.Helper()
	n := &naming{mortal: mortalOf(t, newServingWith(t, lab.Options{Bridge: true})), seen: map[link.ID]bool{}}
	n.interfaces = n.interfaces[:1]
	return n
}

// links returns the links of these programs that are pinned.
func (n *naming) links() map[link.ID]bool {
	n.t.Helper()
	paths, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/who_*")
	if err != nil {
		n.t.Fatal(err)
	}
	ids := map[link.ID]bool{}
	for _, path := range paths {
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			n.t.Fatalf("%s: %v", path, err)
		}
		info, err := l.Info()
		if err != nil {
			n.t.Fatalf("%s: %v", path, err)
		}
		ids[info.ID], n.seen[info.ID] = true, true
		_ = l.Close()
	}
	return ids
}

// only waits until no links are left but these.
func (n *naming) only(these map[link.ID]bool, what string) {
	n.t.Helper()
	n.eventually(what, func() bool {
		for id := range n.seen {
			l, err := link.NewFromID(id)
			if err == nil {
				_ = l.Close()
			}
			if errors.Is(err, fs.ErrNotExist) && !these[id] {
				delete(n.seen, id)
			} else if !these[id] || err != nil {
				return false
			}
		}
		return true
	})
}

// restarts starts the service, all of whose links are of its own.
func (n *naming) restarts(what string) (p *tracee) {
	n.t.Helper()
	before := n.links()
	p, ready := n.run(0)
	n.start(p, ready, what)
	now := n.links()
	if len(now) != whoLinks {
		n.t.Fatalf("%s: %d programs are attached", what, len(now))
	}
	for id := range now {
		if before[id] {
			n.t.Errorf("%s: link %d goes on", what, id)
		}
	}
	n.only(now, what+": nothing else is attached")
	return p
}

func (n *naming) ends(p *tracee, what string) {
	n.t.Helper()
	p.signal(unix.SIGTERM)
	<-p.ended
	n.only(nil, what+", and ended: nothing is attached")
}

// The programs that find processes let everything pass while their tracker is killed on
// its way into one system call after another: while it attaches, takes over a tracker that
// was left, or ends. A restart replaces them all, and in the end none is left.
func TestKilledNaming(t *testing.T) {
	n := newNaming(t)
	stop, used := make(chan struct{}), make(chan error, 1)
	go func() { used <- useSockets(stop) }()
	n.each(func(at int) (over bool) {
		over = n.killedStarting(at)
		what := fmt.Sprintf("killed at call %d of its start", at)
		n.ends(n.restarts(what), what)
		return over
	})
	n.killedStarting(0)
	n.each(func(at int) (over bool) {
		over = n.killedStarting(at)
		p := n.restarts(fmt.Sprintf("killed at call %d of taking over", at))
		p.signal(unix.SIGKILL)
		<-p.ended
		if got := n.links(); len(got) != whoLinks {
			t.Fatalf("killed: %d programs are attached", len(got))
		}
		return over
	})
	if err := tracker.Down(n.ctx, n.interfaces...); err != nil {
		t.Fatal(err)
	}
	n.only(nil, "down: nothing is attached")
	n.each(func(at int) (over bool) {
		over = n.killedEnding(at, "ending")
		n.links()
		return over
	})
	n.only(nil, "ended: nothing is attached")
	checkDetached(t, n.Lab)
	close(stop)
	if err := <-used; err != nil {
		t.Error(err)
	}
}

// useSockets does what the programs see, until told to stop: nothing of it may fail.
func useSockets(stop chan struct{}) error {
	for n := 0; ; n++ {
		for _, host := range []string{"127.0.0.1", "::1"} {
			if err := useSocket(host); err != nil {
				return fmt.Errorf("round %d: %w", n, err)
			}
		}
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
	}
}

// useSocket makes, binds and connects sockets, and sends by them.
func useSocket(host string) error {
	here := net.JoinHostPort(host, "0")
	l, err := net.Listen("tcp", here)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		return err
	}
	defer s.Close()
	// It is closed by a reset: else its port waits for a minute, and soon no port is left.
	if err := s.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	u, err := net.ListenPacket("udp", here)
	if err != nil {
		return err
	}
	defer u.Close()
	_, err = u.WriteTo([]byte("hello"), u.LocalAddr())
	if errors.Is(err, syscall.ENOBUFS) {
		err = nil
	}
	return err
}
