package e2e

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// newWatch watches interfaces of a lab whose hosts are joined by a bridge, both ports
// where none is named.
func newWatch(t *testing.T, interfaces ...string) *rig {
	t.Helper()
	return newRigWith(t, lab.Options{Bridge: true}, tracker.Options{Watch: true, Interfaces: interfaces})
}

// Traffic at a watched interface is as it is without a tracker: it arrives byte for byte,
// every packet is counted once with its direction, and nothing is changed.
func TestWatch(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	before := offloads(t, l)
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(tracker.Options{Watch: true})
	for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
		checkForwards(t, r, addr)
	}
	checkSums(t, r)
	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings: %v", s.Warnings)
	}
	for _, is := range s.Interfaces {
		if is.Role != flow.RoleWatch || is.Mode != flow.ModeTC || is.Use != "" {
			t.Errorf("interface %+v", is)
		}
	}
	r.stop()
	if after := offloads(t, l); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
	checkDetached(t, l)
}

// Watching the only interface of a machine does not disturb what it says and hears there,
// through a kill and a restart, until the tracker is taken down.
func TestWatchOwnInterface(t *testing.T) {
	l, ctx := newLab(t)
	port, err := netlink.LinkByName(l.Client.Port())
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("10.0.0.9")
	if err := netlink.AddrAdd(port, &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := l.Client.Dial(ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	stop, talked := make(chan struct{}), make(chan error, 1)
	go func() { talked <- talkUntil(stop, client, server) }()
	watch := func() *lab.Cmd { return serveWatched(ctx, t, l.Client.Port()) }
	cmd := watch()
	first := watchedFlow(ctx, t, l.Client.Port())
	way := map[bool]string{false: "in", true: "out"}[first.Outgoing]
	dump, err := ctop(ctx, t, "--dump", "-o", "json", "--filter", "tcp dir:"+way, l.Client.Port()).Output()
	if err != nil || !strings.Contains(string(dump), `"role": "watch"`) || !strings.Contains(string(dump), `"dir":"`+way+`"`) {
		t.Errorf("the dump, error %v: %s", err, dump)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if now := watchedFlow(ctx, t, l.Client.Port()); now.ID != first.ID || first.Tuple.Dst.Addr() != addr && first.Tuple.Src.Addr() != addr {
		t.Errorf("flow %v, before the kill %v", now.Tuple, first.Tuple)
	}
	cmd = watch()
	if now := watchedFlow(ctx, t, l.Client.Port()); now.ID != first.ID {
		t.Errorf("flow %v after the restart, before it %v", now.ID, first.ID)
	}
	out, err := ctop(ctx, t, "down", l.Client.Port()).CombinedOutput()
	if err != nil || len(out) != 0 {
		t.Errorf("down: %v: %s", err, out)
	}
	_ = cmd.Wait()
	checkDetached(t, l)
	close(stop)
	if err := <-talked; err != nil {
		t.Errorf("the connection: %v", err)
	}
}

// waitWatched waits until a tracker can be joined.
func waitWatched(ctx context.Context, t *testing.T, interfaces ...string) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		tr, err := tracker.Join(ctx, interfaces...)
		if err == nil {
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// watchedFlow waits for the established connection at watched interfaces, whose packets
// go on to be counted.
func watchedFlow(ctx context.Context, t *testing.T, interfaces ...string) (found flow.Flow) {
	t.Helper()
	tr, err := tracker.Join(ctx, interfaces...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		s, err := tr.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Flows {
			if f.Tuple.Proto != flow.ProtocolTCP || f.State != flow.StateEstablished {
				continue
			}
			if f.ID == found.ID && f.Origin.Packets > found.Origin.Packets && f.Reply.Packets > found.Reply.Packets {
				return f
			}
			if f.ID != found.ID {
				found = f
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no connection that is counted among %v", s.Flows)
		}
	}
}

// At lo every packet is seen once, though both ends are on one side.
func TestWatchLoopback(t *testing.T) {
	lab.Require(t)
	tr, err := tracker.Open(t.Context(), tracker.Options{Watch: true, Interfaces: []string{"lo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	buf := make([]byte, 8)
	for range 3 {
		if _, err := client.Write(buf); err != nil {
			t.Fatal(err)
		}
		_, from, err := server.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.WriteTo(buf, from); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	s, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	// Others may still talk there.
	flows := slices.DeleteFunc(s.Flows, func(f flow.Flow) bool {
		here := server.LocalAddr().String()
		return f.Tuple.Src.String() != here && f.Tuple.Dst.String() != here
	})
	if len(flows) != 1 || flows[0].State != flow.StateEstablished || flows[0].Origin.Packets != 3 || flows[0].Reply.Packets != 3 {
		t.Errorf("flows %+v", flows)
	}
}

// An interface without a link header begins with the network layer.
func TestWatchTun(t *testing.T) {
	lab.Require(t)
	wire := newTun(t, "tun7", "10.7.0.1/24", "fd07::1/64")
	tr, err := tracker.Open(t.Context(), tracker.Options{Watch: true, Interfaces: []string{"tun7"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	for _, far := range []string{"10.7.0.2:53", "[fd07::2]:53"} {
		exchangeTun(t, wire, netip.MustParseAddrPort(far))
		s, err := tr.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(s.Flows, func(f flow.Flow) bool { return f.Tuple.Dst.String() == far })
		if at < 0 {
			t.Fatalf("no flow to %s among %v", far, s.Flows)
		}
		if f := s.Flows[at]; !f.Outgoing || f.State != flow.StateEstablished || f.Origin.Packets != 1 || f.Reply.Packets != 1 {
			t.Errorf("flow %+v", f)
		}
	}
}

// exchangeTun sends a datagram through a tun device, and answers it at the other end.
func exchangeTun(t *testing.T, wire *os.File, far netip.AddrPort) {
	t.Helper()
	conn, err := net.Dial("udp", far.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	near := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	// Others may send there, too: routers are looked for.
	for buf, proto := make([]byte, 2048), byte(0); proto != frame.ProtoUDP; {
		if _, err := wire.Read(buf); err != nil {
			t.Fatal(err)
		}
		if proto = buf[9]; far.Addr().Is6() {
			proto = buf[6]
		}
	}
	answer := frame.Frame{
		Src: far.Addr(), Dst: near.Addr(), Proto: frame.ProtoUDP,
		L4: frame.Datagram(far.Port(), near.Port(), 8),
	}
	if _, err := wire.Write(answer.Packet()); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, err := conn.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
}

// A watched interface that goes and comes back is watched again, with its flows.
func TestWatchedInterfaceReturns(t *testing.T) {
	r := newWatch(t)
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "before")
	r.eventually("both flows", func() bool { return len(r.flows("tcp")) == 2 })
	before := packetsByID(r.flows("tcp"))
	if err := r.Unplug(r.Server); err != nil {
		t.Fatal(err)
	}
	r.replug()
	r.eventually("both flows go on", func() bool {
		say(t, client, server, "after")
		say(t, server, client, "after")
		return goOn(before, packetsByID(r.flows("tcp")))
	})
}

// A watched interface is watched on under another name.
func TestWatchedInterfaceRenamed(t *testing.T) {
	r := newWatch(t)
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "before")
	r.eventually("both flows", func() bool { return len(r.flows("tcp")) == 2 })
	port := r.Server.Port()
	rename := func(from, to string) {
		ip(t, "link", "set", from, "down")
		ip(t, "link", "set", from, "name", to)
		ip(t, "link", "set", to, "up")
	}
	rename(port, "renamed")
	defer rename("renamed", port)
	r.eventually("the new name", func() bool { return r.collector.Snapshot().Interfaces[1].Name == "renamed" })
	before := packetsByID(r.flows("tcp"))
	r.eventually("both flows go on", func() bool {
		say(t, client, server, "after")
		say(t, server, client, "after")
		return goOn(before, packetsByID(r.flows("tcp")))
	})
}

// goOn reports whether all flows have more packets than before, and there are no others.
func goOn(before, now map[flow.ID]uint64) bool {
	for id, n := range before {
		if now[id] <= n {
			return false
		}
	}
	return len(now) == len(before)
}

func packetsByID(flows []flow.Flow) map[flow.ID]uint64 {
	packets := map[flow.ID]uint64{}
	for _, f := range flows {
		packets[f.ID] = f.Packets()
	}
	return packets
}
