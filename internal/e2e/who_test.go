package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// watcher is a machine, which is the middle of a lab, that watches its interface to the
// client, with programs on both.
type watcher struct {
	*rig
	*stage
	// here is an address of the machine.
	here string
}

func newWatcher(t *testing.T) *watcher {
	t.Helper()
	l, ctx := newLab(t)
	n := &watcher{rig: &rig{Lab: l, t: t, ctx: ctx}, stage: newStage(ctx, t), here: "10.0.0.9"}
	port, err := netlink.LinkByName(l.Client.Port())
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr(n.here)
	if err := netlink.AddrAdd(port, &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
		t.Fatal(err)
	}
	return n
}

// watch begins to watch, and waits until every event is heard.
func (n *watcher) watch() {
	n.rig.t.Helper()
	o := tracker.Options{Watch: true, Interfaces: []string{n.Client.Port()}, Cgroup: n.cgroup}
	tr, err := tracker.Open(n.rig.ctx, o)
	if err != nil {
		n.rig.t.Fatal(err)
	}
	for _, note := range tr.Notes() {
		n.rig.t.Log(note)
	}
	n.begin(tr)
	n.listens(netip.MustParseAddr(n.here))
}

// place is an address with a port.
func place(addr string, port any) string { return net.JoinHostPort(addr, fmt.Sprint(port)) }

// owned waits until a flow between two ports is of a process with a name, at an end. It
// fails as soon as the flow is of another that is not among those that had it before, nor
// the test itself at the other end.
func (n *watcher) owned(proto, port, name string, end flow.Direction, before ...string) flow.Flow {
	t := n.rig.t
	t.Helper()
	var found flow.Flow
	n.eventually(fmt.Sprintf("a %s flow of %s from port %s", proto, name, port), func() bool {
		for _, f := range n.flows(proto) {
			if fmt.Sprint(f.Tuple.Src.Port()) != port {
				continue
			}
			p := f.Holding.Owner()
			if p == nil || f.Holding.End != end && int(p.PID) == os.Getpid() {
				continue // the test is the other end, and may be known first
			}
			if p.Name == name {
				found = f
				return f.Holding.End == end
			}
			if !contains(before, p.Name) {
				t.Fatalf("the flow %s is of %s[%d], at the end of the %s; want %s", f.Tuple, p.Name, p.PID, f.Holding.End, name)
			}
		}
		return false
	})
	return found
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// portOf returns the port of an address.
func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A program has its name from the first packet on, at its own interface and, for one in
// another network namespace, at the other end of its veth.
func TestWhoClient(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	there := n.Client.Addr4().String()
	far, near := n.actor(n.Client, "far", "listen", place(there, 0)), n.actor(nil, "near", "listen", place(n.here, 0))
	for host, to := range map[*lab.Host]string{nil: far.hears(), n.Client: near.hears()} {
		client := n.actor(host, "client", "connect", "tcp", to)
		port := portOf(t, client.hears())
		f := n.owned("tcp", port, "client", flow.Origin)
		if p := f.Holding.Process; int(p.PID) != client.cmd.Process.Pid || p.User != "root" || p.Gone {
			t.Errorf("the process is %+v, want PID %d", p, client.cmd.Process.Pid)
		}
		n.eventually("its events have the name", func() bool {
			for _, e := range n.log() {
				if e.ID == f.ID && e.Type == flow.EventNew {
					return e.Holding.Owner() != nil && e.Holding.Process.Name == "client"
				}
			}
			return false
		})
	}
}

// Datagrams have the name of who sent them, be the socket connected or not; answers that
// of who sends them.
func TestWhoDatagram(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	for host, addr := range map[*lab.Host]string{nil: n.here, n.Client: n.Client.Addr4().String()} {
		other := n.Client
		to := n.Client.Addr4().String()
		if host != nil {
			other, to = nil, n.here
		}
		server := n.actor(other, "dserver", "bind", "udp4", place(to, 0))
		at := server.hears()
		client := n.actor(host, "dclient", "bind", "udp4", place(addr, 0))
		port := portOf(t, client.hears())
		client.do("send " + at)
		n.owned("udp", port, "dclient", flow.Origin)
		connected := n.actor(host, "cclient", "connect", "udp4", at)
		port = portOf(t, connected.hears())
		connected.do("say")
		n.owned("udp", port, "cclient", flow.Origin)
	}
}

// A server that is younger than the tracker, or older, or got its socket from another
// process, has its own name: never that of who listened or had the socket before.
func TestWhoServer(t *testing.T) {
	n := newWatcher(t)
	old := n.actor(nil, "older", "listen", place(n.here, 0))
	older := n.visitor(old.hears())
	old.do("accept")
	n.watch()
	n.visitorSays(older)
	n.owned("tcp", older.port, "older", flow.Reply)

	young := n.actor(nil, "younger", "listen", place(n.here, 0))
	c := n.visitor(young.hears())
	young.do("accept")
	n.owned("tcp", c.port, "younger", flow.Reply)

	parent := n.actor(nil, "parent", "listen", place(n.here, 0))
	c = n.visitor(parent.hears())
	parent.do("accept")
	parent.do("fork " + n.program("child"))
	n.owned("tcp", c.port, "child", flow.Reply, "parent")

	first := n.actor(nil, "firstprog", "listen", place(n.here, 0))
	c = n.visitor(first.hears())
	first.do("accept")
	first.do("exec " + n.program("nextprog"))
	n.owned("tcp", c.port, "nextprog", flow.Reply, "firstprog")

	giver := n.actor(nil, "giver", "listen", place(n.here, 0))
	c = n.visitor(giver.hears())
	giver.do("accept")
	socket := filepath.Join(n.dir, "passing")
	taker := n.actor(nil, "taker", "receive", socket)
	taker.hears()
	giver.do("pass " + socket)
	taker.hears()
	n.owned("tcp", c.port, "taker", flow.Reply, "giver")
}

// A process that is gone keeps the name that it had, and is marked.
func TestWhoIsGone(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	far := n.actor(n.Client, "far", "bind", "udp4", place(n.Client.Addr4().String(), 0))
	client := n.actor(nil, "shortlived", "bind", "udp4", place(n.here, 0))
	port := portOf(t, client.hears())
	client.do("send " + far.hears())
	n.owned("udp", port, "shortlived", flow.Origin)
	client.end()
	n.eventually("it is gone", func() bool {
		p := n.owned("udp", port, "shortlived", flow.Origin).Holding.Process
		return p.Gone
	})
}

// visitor is a connection of a program in the client's namespace, which is not looked at. A port
// that is bound before it connects is no other visitor's: the kernel may give one that connects
// the port of a connection to another place.
type visitor struct {
	net.Conn
	port string
}

func (n *watcher) visitor(to string) visitor {
	n.rig.t.Helper()
	c, err := n.Client.DialFrom(n.rig.ctx, "tcp", n.Client.Addr4().String(), to)
	if err != nil {
		n.rig.t.Fatal(err)
	}
	n.rig.t.Cleanup(func() { _ = c.Close() })
	return visitor{c, portOf(n.rig.t, c.LocalAddr().String())}
}

func (n *watcher) visitorSays(c visitor) {
	n.rig.t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		n.rig.t.Fatal(err)
	}
}
