package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// sharer starts a program that has a connection, too.
func (n *watcher) sharer(name string, c net.Conn) *lab.Cmd {
	t := n.rig.t
	t.Helper()
	f, err := connFile(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cmd := lab.Command(n.rig.ctx, n.program(name), "hold") // which the end of no thread kills
	cmd.Env = append(os.Environ(), actorVariable+"=1")
	cmd.ExtraFiles = []*os.File{f}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// heldBy waits until the processes that have a flow's sockets, by their PIDs, are these.
func (n *watcher) heldBy(f flow.Flow, origin, reply []int) {
	t := n.rig.t
	t.Helper()
	want := fmt.Sprint([2][]int{origin, reply})
	last := ""
	defer func() {
		if t.Failed() {
			t.Logf("%s is held by %s, want %s", f.Tuple, last, want)
		}
	}()
	n.eventually("the holders of "+f.Tuple.String(), func() bool {
		closer, err := n.tracker.Inspect(n.rig.ctx, f.Ref())
		if err != nil {
			t.Fatal(err)
		}
		var pids [2][]int
		if closer.Holders != nil {
			for d, list := range closer.Holders {
				for _, p := range list {
					pids[d] = append(pids[d], int(p.PID))
				}
				slices.Sort(pids[d])
			}
		}
		last = fmt.Sprint(pids)
		return last == want
	})
}

// The detail page has every process with the flow's sockets, of both ends: who inherited
// one, who has the other end in another network namespace, and who sends by a socket that
// is not connected.
func TestWhoHolders(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	self := os.Getpid()
	l, err := net.Listen("tcp", place(n.here, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	visitor := n.actor(n.Client, "visitor", "connect", "tcp", l.Addr().String())
	visitor.hears()
	far := []int{visitor.cmd.Process.Pid}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := n.flow("tcp", flow.StateEstablished)
	n.heldBy(f, far, []int{self})
	near := n.sharer("sharer", s)
	pids := []int{self, near.Process.Pid}
	slices.Sort(pids)
	n.heldBy(f, far, pids)
	_ = s.Close()
	n.heldBy(f, far, pids[slices.Index(pids, near.Process.Pid):][:1])

	server := n.actor(nil, "loose", "bind", "udp4", place("0.0.0.0", 0))
	port := portOf(t, server.hears())
	client := n.actor(n.Client, "asker", "connect", "udp4", place(n.here, port))
	from := portOf(t, client.hears())
	client.do("say")
	var asked flow.Flow
	n.eventually("the datagram's flow", func() bool {
		for _, f := range n.flows("udp") {
			if fmt.Sprint(f.Tuple.Src.Port()) == from {
				asked = f
			}
		}
		return asked.ID != 0
	})
	n.heldBy(asked, []int{client.cmd.Process.Pid}, []int{server.cmd.Process.Pid})
}
