package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// never fails if a flow of a protocol to a port is of a program with the name.
func (n *watcher) never(proto string, port uint16, name string) {
	n.rig.t.Helper()
	for _, f := range n.flows(proto) {
		if p := f.Holding.Process; f.Tuple.Dst.Port() == port && p != nil && p.Name == name {
			n.rig.t.Fatalf("the flow %s is of %s", f.Tuple, name)
		}
	}
	for _, e := range n.log() {
		if p := e.Holding.Process; e.Tuple.Dst.Port() == port && p != nil && p.Name == name {
			n.rig.t.Fatalf("an event of the flow %s is of %s", e.Tuple, name)
		}
	}
}

// A tunnel's own packets still have the socket of the program inside: they are not its
// flow, even where it uses the tunnel's port.
func TestWhoTunnel(t *testing.T) {
	n := newWatcher(t)
	n.watch()
	port, err := netlink.LinkByName(n.Client.Port())
	if err != nil {
		t.Fatal(err)
	}
	const vxlan = 4789
	tunnel := &netlink.Vxlan{
		LinkAttrs: netlink.LinkAttrs{Name: "whovx"}, VxlanId: 42, VtepDevIndex: port.Attrs().Index,
		Group: n.Client.Addr4().AsSlice(), Port: vxlan, PortLow: vxlan, PortHigh: vxlan + 1,
	}
	if err := netlink.LinkAdd(tunnel); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(tunnel) })
	inside := netip.MustParsePrefix("10.77.0.1/24")
	if err := netlink.AddrAdd(tunnel, &netlink.Addr{IPNet: &net.IPNet{IP: inside.Addr().AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(tunnel); err != nil {
		t.Fatal(err)
	}
	to := net.ParseIP("10.77.0.2")
	if err := netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: tunnel.Attrs().Index, State: netlink.NUD_PERMANENT, IP: to, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9},
	}); err != nil {
		t.Fatal(err)
	}
	a := n.actor(nil, "inside", "bind", "udp4", place("10.77.0.1", 0))
	a.hears()
	for range 5 {
		a.do("send " + place(to.String(), vxlan))
	}
	n.eventually("the tunnel's flow", func() bool {
		for _, f := range n.flows("udp") {
			if f.Tuple.Dst.Port() == vxlan {
				return true
			}
		}
		return false
	})
	n.never("udp", vxlan, "inside")
}

// A port that is translated to another program's has nothing to do with the program that
// listens there.
func TestWhoTranslated(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Fatal("nft is missing: apt-get install nftables")
	}
	n := newWatcher(t)
	n.watch()
	bystander := n.actor(nil, "bystander", "listen", place(n.here, 8080))
	bystander.hears()
	meant := n.actor(nil, "meant", "listen", place(n.here, 9090))
	meant.hears()
	rules := exec.CommandContext(n.rig.ctx, "nft", "-f", "-")
	rules.Stdin = strings.NewReader("table inet who {\n chain pre {\n type nat hook prerouting priority dstnat\n tcp dport 8080 redirect to :9090\n }\n}\n")
	if out, err := rules.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("nft", "delete", "table", "inet", "who").Run() })
	c := n.visitor(place(n.here, 8080))
	meant.do("accept")
	n.visitorSays(c)
	meant.do("hear")
	meant.do("say")
	// The owner has looked at the sockets since when one that was accepted later has its
	// name.
	witness := n.actor(nil, "witness", "listen", place(n.here, 0))
	later := n.visitor(witness.hears())
	witness.do("accept")
	n.owned("tcp", later.port, "witness", flow.Reply)
	n.never("tcp", 8080, "bystander")
}

// Programs in two network namespaces that use the same addresses and ports have their own
// names, each at its own interface.
func TestWhoSameTuples(t *testing.T) {
	n := newWatcher(t)
	tr, err := tracker.Open(n.rig.ctx, tracker.Options{
		Watch: true, Interfaces: []string{n.Client.Port(), n.Server.Port()}, Cgroup: n.cgroup,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.begin(tr)
	// Nobody answers at the address: what counts is who asks.
	const nobody = "10.0.0.77"
	for host, addr := range map[string]netip.Addr{"first": n.Client.Addr4(), "second": n.Server.Addr4()} {
		h := n.Client
		if host == "second" {
			h = n.Server
		}
		cmd := h.Command(n.rig.ctx, "ip", "addr", "add", "10.0.0.66/24", "dev", h.Link())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", addr, err, out)
		}
		cmd = h.Command(n.rig.ctx, "ip", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:77", "dev", h.Link())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", addr, err, out)
		}
	}
	first := n.actor(n.Client, "first", "bind", "udp4", "10.0.0.66:7000")
	second := n.actor(n.Server, "second", "bind", "udp4", "10.0.0.66:7000")
	first.hears()
	second.hears()
	first.do("send " + place(nobody, 7777))
	second.do("send " + place(nobody, 7777))
	n.eventually("both flows with their names", func() bool {
		var found []string
		for _, f := range n.flows("udp") {
			if p := f.Holding.Owner(); f.Tuple.Dst.Port() == 7777 && p != nil {
				found = append(found, fmt.Sprintf("%d %s", f.In, p.Name))
			}
		}
		for _, s := range found {
			if s != "0 first" && s != "1 second" {
				t.Fatalf("there is %q", s)
			}
		}
		return len(found) == 2
	})
}

// atCgroup counts the programs that are attached to a control group. The kernel lists those of
// the whole machine, and says to try again where somebody is just attaching one.
func atCgroup(t *testing.T, path string) (count int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	for it, deadline := new(link.Iterator), time.Now().Add(waitTimeout); ; {
		for it.Next() {
			if info, err := it.Link.Info(); err == nil && info.Cgroup() != nil && info.Cgroup().CgroupId == st.Ino {
				count++
			}
		}
		err := it.Err()
		if err == nil {
			return count
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		it, count = new(link.Iterator), 0
		time.Sleep(time.Millisecond)
	}
}

// Programs at the control group are gone with the tracker, however it ends, and a tracker
// that outlives its process keeps them.
func TestWhoLeavesNothing(t *testing.T) {
	n := newWatcher(t)
	open := func() *tracker.Tracker {
		tr, err := tracker.Open(n.rig.ctx, tracker.Options{
			Watch: true, Interfaces: []string{n.Client.Port()}, Cgroup: n.cgroup, Keep: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	tr := open()
	const programs = 7
	if got := atCgroup(t, n.cgroup); got != programs {
		t.Errorf("%d programs are attached", got)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if got := atCgroup(t, n.cgroup); got != programs {
		t.Errorf("%d programs are attached to a tracker that is kept", got)
	}
	tr = open()
	if got := atCgroup(t, n.cgroup); !tr.Joined() || got != programs {
		t.Errorf("%d programs are attached after it was taken over", got)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tracker.Down(n.rig.ctx, n.Client.Port()); err != nil {
		t.Fatal(err)
	}
	n.await("no program is left", func() bool { return atCgroup(t, n.cgroup) == 0 })
}

// Where processes cannot be looked for, one line says so, and everything else works.
func TestWhoIsRefused(t *testing.T) {
	n := newWatcher(t)
	tr, err := tracker.Open(n.rig.ctx, tracker.Options{
		Watch: true, Interfaces: []string{n.Client.Port()}, Cgroup: filepath.Join(n.cgroup, "none"),
	})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(tr.Notes(), "\n")
	if strings.Count(notes, "flows have no process: ") != 1 {
		t.Errorf("the notes are %q", notes)
	}
	n.begin(tr)
	a := n.actor(nil, "unnamed", "bind", "udp4", place(n.here, 0))
	port := portOf(t, a.hears())
	a.do("send " + place(n.Client.Addr4().String(), 9))
	n.eventually("the flow, without a process", func() bool {
		for _, f := range n.flows("udp") {
			if fmt.Sprint(f.Tuple.Src.Port()) == port {
				return f.Holding.Process == nil
			}
		}
		return false
	})
}
