package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// How a server ends a connection, by the first byte that it hears.
const (
	endsAfter = 'a' // after its visitor
	endsFirst = 'f' // before it
	endsReset = 'r' // with what it did not read, so by a RST
)

// serve answers in the background, and returns where.
func serve(l net.Listener) string {
	go acceptAll(l, func(c net.Conn) { go serveOne(c) })
	return l.Addr().String()
}

func serveOne(c net.Conn) {
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err == nil {
		_, _ = c.Write(b)
	}
	if b[0] == endsAfter {
		_, _ = io.Copy(io.Discard, c)
	}
	_ = c.Close()
}

// prefork opens a listener, keeps it, and has a program serve there, which inherits it.
func prefork(program, address string) (string, error) {
	l, err := net.Listen("tcp4", address)
	if err != nil {
		return "", err
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return "", err
	}
	child := exec.Command(program, "serve-inherited")
	child.ExtraFiles, child.Stderr = []*os.File{f}, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	kept, err := child.StdinPipe()
	if err != nil {
		return "", err
	}
	preforked = append(preforked, kept, l)
	return l.Addr().String(), child.Start()
}

// preforked keeps what this program's children need.
var preforked []io.Closer

// visit makes short exchanges with a server, which ends them in these ways in turn.
func visit(from *lab.Host, n *watcher, to string, count int, ways string) error {
	for i := range count {
		c, err := dialFrom(from, n, to)
		if err != nil {
			return err
		}
		how := ways[i%len(ways)]
		say := []byte{how, 'e', 'l', 'l', 'o'}
		if how == endsReset {
			say = append(say, "more"...)
		}
		if _, err = c.Write(say); err == nil {
			_, err = io.ReadFull(c, make([]byte, 5))
		}
		if err == nil && how != endsAfter {
			_, err = io.Copy(io.Discard, c)
		}
		if how == endsReset && (errors.Is(err, unix.ECONNRESET) || errors.Is(err, io.EOF)) {
			err = nil
		}
		if err = firstError(err, c.Close()); err != nil {
			return fmt.Errorf("visit %d of %s, which ends it by %q: %w", i, to, how, err)
		}
	}
	return nil
}

func dialFrom(host *lab.Host, n *watcher, to string) (net.Conn, error) {
	if host != nil {
		return host.Dial(n.rig.ctx, "tcp4", to)
	}
	return (&net.Dialer{}).DialContext(n.rig.ctx, "tcp4", to)
}

// TestWhoServes has many programs answer many visitors, whom nobody knows, at once. Half of
// them got their listener from another program, which has it still: none of the flows is
// that one's.
func TestWhoServes(t *testing.T) {
	const programs, first = 50, 31000
	each := stormSize() / programs
	self, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"own", "peer"} {
		t.Run(where, func(t *testing.T) {
			n := newWatcher(t)
			n.eventLog = 16 * programs * each
			n.watch()
			host, other, at := (*lab.Host)(nil), n.Client, n.here
			ways := string([]byte{endsAfter, endsFirst, endsReset})
			if where == "peer" {
				host, other, at = n.Client, nil, n.Client.Addr4().String()
				// The socket of a RST is gone before the packet comes by here.
				ways = ways[:2]
			}
			done := make(chan struct{})
			var wg sync.WaitGroup
			// A program that is just being started has the files of the test, and so the
			// visitors' sockets: all of them are there before anybody visits.
			var places []string
			for i := range programs {
				name, args := fmt.Sprintf("serve%02d", i), []string{"serve", place(at, first+i)}
				if i%2 != 0 {
					args = []string{"prefork", n.program(name), place(at, first+i)}
					name = fmt.Sprintf("opens%02d", i)
				}
				places = append(places, n.actor(host, name, args...).hears())
			}
			for _, to := range places {
				wg.Go(func() {
					if err := visit(other, n, to, each, ways); err != nil {
						t.Error(err)
					}
				})
			}
			go func() {
				wg.Wait()
				close(done)
			}()
			c := newCensus(n, flow.Reply, func(e flow.Event) string {
				program := int(e.Tuple.Dst.Port()) - first
				if program < 0 || program >= programs {
					return ""
				}
				return fmt.Sprintf("serve%02d", program)
			})
			// Looks see the visitors' sockets, too.
			c.visitor = strings.TrimSpace(string(self))
			c.take(done, programs*each)
		})
	}
}

// A connection that stays has the name of who accepted it soon, whoever listens.
func TestWhoServesLong(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	server := n.actor(nil, "opens", "prefork", n.program("accepts"), place(n.here, 0))
	to := server.hears()
	var took []time.Duration
	for range 20 {
		c := n.visitor(to)
		began := time.Now()
		n.owned("tcp", c.port, "accepts", flow.Reply)
		took = append(took, time.Since(began))
	}
	t.Logf("it took %v", took)
}
