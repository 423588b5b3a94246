package e2e

import (
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The machine's own connections are seen at interfaces of several kinds: with the right
// local end and direction, and as many packets as the kernels at both ends received.
func TestWatchKinds(t *testing.T) {
	for _, kind := range []struct {
		name string
		// here are the commands of ip for the machine, there those for the client. PORT is
		// the interface on the way to the client.
		here, there []string
		near, far   string
	}{
		{"macvlan", []string{"link add kind0 link PORT type macvlan mode bridge", "addr add 10.0.0.9/24 dev kind0"}, nil, "10.0.0.9", "10.0.0.1"},
		{
			"vxlan",
			[]string{
				"addr add 10.0.0.9/24 dev PORT", "link add kind0 type vxlan id 7 dstport 4789 local 10.0.0.9 remote 10.0.0.1",
				"addr add 10.7.0.1/24 dev kind0",
			},
			[]string{
				"link add kind0 type vxlan id 7 dstport 4789 local 10.0.0.1 remote 10.0.0.9", "addr add 10.7.0.2/24 dev kind0",
				"link set kind0 up",
			},
			"10.7.0.1", "10.7.0.2",
		},
		{"bridge", []string{"link add kind0 type bridge", "link set PORT master kind0", "addr add 10.0.0.9/24 dev kind0"}, nil, "10.0.0.9", "10.0.0.1"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			l, ctx := newLab(t)
			run := func(cmd interface{ CombinedOutput() ([]byte, error) }, args string) {
				t.Helper()
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("ip %s: %v: %s", args, err, text)
				}
			}
			for _, args := range append(kind.here, "link set kind0 up") {
				args = strings.ReplaceAll(args, "PORT", l.Client.Port())
				run(exec.CommandContext(ctx, "ip", strings.Fields(args)...), args)
			}
			defer func() { _ = exec.Command("ip", "link", "del", "kind0").Run() }()
			for _, args := range kind.there {
				run(l.Client.Command(ctx, "ip", strings.Fields(args)...), args)
			}
			checkKind(t, l, netip.MustParseAddr(kind.near), netip.MustParseAddr(kind.far))
		})
	}
}

// checkKind watches kind0 while a connection goes out by it to the client.
func checkKind(t *testing.T, l *lab.Lab, near, far netip.Addr) {
	t.Helper()
	tr, err := tracker.Open(t.Context(), tracker.Options{Watch: true, Interfaces: []string{"kind0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	r := &rig{Lab: l, t: t, ctx: t.Context(), tracker: tr}
	listener, err := l.Client.Listen(r.ctx, "tcp", netip.AddrPortFrom(far, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialer := net.Dialer{Timeout: waitTimeout}
	client, err := dialer.DialContext(r.ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	again := segments(t, client).Total_retrans // SYNs, of which the connection at the other end has one
	const size = 1 << 20
	sent := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, size))
		sent <- err
	}()
	_ = server.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, err := io.ReadFull(server, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	say(t, server, client, "answer")
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
		flows, there, back := r.flows("tcp"), segments(t, server).Segs_in, segments(t, client).Segs_in
		if len(flows) == 1 && uint32(flows[0].Origin.Packets) == there+again && uint32(flows[0].Reply.Packets) == back {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the kernels received %d segments there and %d back, the flows are %+v", there, back, flows)
		}
	}
	f := r.flows("tcp")[0]
	if !f.Outgoing || f.Local() != flow.EndOrigin || f.Tuple.Src.Addr() != near || f.State != flow.StateEstablished {
		t.Errorf("flow %v: out %t, local %s, %s", f.Tuple, f.Outgoing, f.Local(), f.State)
	}
}

// Under enforce, a flow that is deleted at a watched interface is cut off, and what is
// dropped is counted. Other flows go on.
func TestWatchEnforce(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(tracker.Options{Watch: true, Policy: flow.PolicyEnforce, Interfaces: []string{l.Server.Port()}})
	cut, cutServer := r.connect(r.Server.Addr4())
	kept, keptServer := r.connect(r.Server.Addr4())
	say(t, cut, cutServer, "before")
	say(t, kept, keptServer, "before")
	r.eventually("both flows", func() bool { return len(r.flows("tcp")) == 2 })
	before, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if before.Counters.Dropped != 0 {
		t.Errorf("%d packets were dropped before", before.Counters.Dropped)
	}
	for _, f := range before.Flows {
		if f.Tuple.Src.String() == cut.LocalAddr().String() {
			if done, err := r.tracker.Act(ctx, flow.Deletion(f.Ref())); err != nil || done.Done != 1 {
				t.Fatalf("delete: %+v, %v", done, err)
			}
		}
	}
	if _, err := cut.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	r.eventually("the packets of the deleted flow are dropped", func() bool {
		s, err := r.tracker.Snapshot()
		return err == nil && s.Counters.DroppedBy[flow.DropPolicy] > 0
	})
	_ = cutServer.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := cutServer.Read(make([]byte, 8)); err == nil {
		t.Errorf("%d bytes arrived although the flow is cut", n)
	}
	say(t, kept, keptServer, "after")
	say(t, keptServer, kept, "after")
}
