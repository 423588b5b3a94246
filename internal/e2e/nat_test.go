package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The router that translates between two networks.
var (
	inside  = []netip.Prefix{netip.MustParsePrefix("10.0.0.254/24"), netip.MustParsePrefix("fd00::fe/64")}
	outside = []netip.Prefix{netip.MustParsePrefix("192.0.2.254/24"), netip.MustParsePrefix("fd01::fe/64")}
	// linkLocal is its address in both.
	linkLocal = netip.MustParsePrefix("fe80::fe/64")
)

// rules have the client's connections masqueraded, hand it what comes for port 8080, and
// keep what it sends to port 8081.
const rules = `
table inet ctop {
	chain post { type nat hook postrouting priority srcnat; oifname "veth2" masquerade; }
	chain pre {
		type nat hook prerouting priority dstnat;
		iifname "veth2" tcp dport 8080 dnat ip to 10.0.0.1:80
		iifname "veth1" tcp dport 8081 redirect to :8082
	}
}
`

// newRouter returns a lab whose middle routes between the client's network and the
// server's, with rules of nft.
func newRouter(t testing.TB, rules string) *rig {
	t.Helper()
	l, ctx := newLabWith(t, lab.Options{Server: lab.HostOptions{Addrs: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("fd01::2/64"),
	}}})
	// A router asks with a link-local address whether neighbours are still there. Without
	// one it drops what it has for them after eight seconds.
	addAddresses(t, l.Client.Port(), append(inside[:len(inside):len(inside)], linkLocal)...)
	addAddresses(t, l.Server.Port(), append(outside[:len(outside):len(outside)], linkLocal)...)
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		setSysctl(t, name)
	}
	routeBy(t, l.Client, inside)
	routeBy(t, l.Server, outside)
	if rules != "" {
		cmd := exec.CommandContext(ctx, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("nft", "delete", "table", "inet", "ctop").Run() })
	}
	test, _ := t.(*testing.T) // nil in a benchmark
	return &rig{Lab: l, t: test, ctx: ctx}
}

// setSysctl sets a switch of the network until the test ends.
func setSysctl(t testing.TB, name string) {
	t.Helper()
	file := "/proc/sys/net/" + name
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile(file, before, 0) })
}

// routeBy sends what a host has for other networks to a router.
func routeBy(t testing.TB, h *lab.Host, router []netip.Prefix) {
	t.Helper()
	routeTo(t, h, h.Link(), router)
}

// routeTo does so by a link of the host.
func routeTo(t testing.TB, h *lab.Host, name string, router []netip.Prefix) {
	t.Helper()
	err := h.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		for _, p := range router {
			all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			if p.Addr().Is6() {
				all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			}
			route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: p.Addr().AsSlice(), Dst: &net.IPNet{IP: all.Addr().AsSlice(), Mask: net.CIDRMask(0, all.Addr().BitLen())}}
			if err := netlink.RouteAdd(route); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// half is a flow with the tuple of its other half.
type half struct {
	flow.Flow
	other flow.Tuple
}

// translated waits until there are flows of a protocol at both interfaces, and all of
// them are told of their other half.
func (r *rig) translated(proto string) (all []half) {
	r.t.Helper()
	r.eventually("both halves of "+proto+" flows, told of each other", func() bool {
		s, err := r.tracker.Snapshot()
		if err != nil {
			r.t.Fatal(err)
		}
		all = nil
		seen := map[uint16]bool{}
		for i := range s.Flows {
			f := &s.Flows[i]
			if f.Tuple.Proto.String() != proto {
				continue
			}
			other, ok := s.OtherHalf(f)
			if !ok {
				return false
			}
			all, seen[f.In] = append(all, half{*f, other}), true
		}
		return len(seen) == 2
	})
	return all
}

// halves waits for both flows of the only translated connection of a protocol, that
// inside first, each with the tuple of the other.
func (r *rig) halves(proto string) (halves [2]flow.Flow) {
	r.t.Helper()
	told := r.translated(proto)
	if len(told) != 2 {
		r.t.Fatalf("%d flows", len(told))
	}
	for _, h := range told {
		halves[h.In] = h.Flow
	}
	for _, h := range told {
		f, other := h.Flow, halves[1-h.In].Tuple
		other.Zone = 0
		if h.other != other {
			r.t.Errorf("the other half of %v is %v, not %v", f.Tuple, h.other, other)
		}
		closer, err := r.tracker.Inspect(r.ctx, f.Ref())
		if err != nil || closer.NAT == nil || *closer.NAT != other || closer.Origin != nil || closer.Reply != nil {
			r.t.Errorf("a closer look at %v finds %+v, %v", f.Tuple, closer, err)
		}
	}
	return halves
}

// Both halves of a translated connection know each other, whether its source or its
// destination is translated, over IPv4 and IPv6.
func TestNAT(t *testing.T) {
	r := newRouter(t, rules)
	r.open(tracker.Options{Watch: true})
	for _, h := range r.translated("icmp") {
		f, src, other := h.Flow, r.Client.Addr4(), outside[0].Addr()
		if f.Tuple.Zone == 2 {
			src, other = other, src
		}
		if f.Tuple.Src.Addr() != src || h.other.Src.Addr() != other || h.other.Dst != f.Tuple.Dst {
			t.Errorf("the other half of %v is %v", f.Tuple, h.other)
		}
		if closer, err := r.tracker.Inspect(r.ctx, f.Ref()); err != nil || closer.NAT == nil || *closer.NAT != h.other {
			t.Errorf("a closer look at %v finds %+v, %v", f.Tuple, closer, err)
		}
	}
	for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
		client, server := r.connect(addr)
		say(t, client, server, "hello")
		say(t, server, client, "hello yourself")
		halves := r.halves("tcp")
		if halves[0].Tuple.Src.String() != client.LocalAddr().String() || halves[1].Tuple.Src.String() != server.RemoteAddr().String() || halves[0].Outgoing || !halves[1].Outgoing {
			t.Errorf("it is %v inside and %v outside", halves[0].Tuple, halves[1].Tuple)
		}
		r.resetsTranslated(client, server, halves[0])
	}
	listener, err := r.Client.Listen(r.ctx, "tcp", "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := r.Server.Dial(r.ctx, "tcp", "192.0.2.254:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	say(t, far, near, "hello")
	halves := r.halves("tcp")
	if halves[1].Tuple.Dst.String() != "192.0.2.254:8080" || halves[0].Tuple.Dst.String() != "10.0.0.1:80" {
		t.Errorf("it is %v inside and %v outside", halves[0].Tuple, halves[1].Tuple)
	}
	checkNATDump(r.ctx, t, r.Client.Port(), r.Server.Port())
	r.resetsTranslated(near, far, halves[1])
	r.checkRedirected()
	checkSums(t, r)
}

// checkRedirected resets a connection that is redirected to a socket of the machine. Its
// tuple is not that of the socket, so both ends are sent a RST.
func (r *rig) checkRedirected() {
	r.t.Helper()
	listener, err := net.Listen("tcp4", ":8082")
	if err != nil {
		r.t.Fatal(err)
	}
	defer listener.Close()
	far, err := r.Client.Dial(r.ctx, "tcp", "192.0.2.2:8081")
	if err != nil {
		r.t.Fatal(err)
	}
	defer far.Close()
	near, err := listener.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	defer near.Close()
	say(r.t, far, near, "hello")
	say(r.t, near, far, "hello yourself")
	f := r.flow("tcp", flow.StateEstablished)
	if closer, err := r.tracker.Inspect(r.ctx, f.Ref()); err != nil || closer.NAT == nil || closer.NAT.Dst.Port() != 8082 {
		r.t.Errorf("a closer look at %v finds %+v, %v", f.Tuple, closer, err)
	}
	r.resetsTranslated(near, far, f)
}

// resetsTranslated resets a connection by one of its halves: RSTs pass through the
// translation, so both ends die and both halves end.
func (r *rig) resetsTranslated(near, far net.Conn, f flow.Flow) {
	r.t.Helper()
	dead := dying(r.t, near, far)
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		r.t.Errorf("%+v, %v", outcome, err)
	}
	r.t.Logf("dead after %s", dead())
	r.none("tcp")
}

// checkNATDump checks what the commands say of the only translated TCP flow.
func checkNATDump(ctx context.Context, t *testing.T, interfaces ...string) {
	t.Helper()
	out, err := ctop(ctx, t, append([]string{"--dump", "-o", "jsonl", "--filter", "nat tcp"}, interfaces...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		Src, Dst     string
		Sport, Dport int
	}
	found := map[string]end{}
	for line := range bytes.Lines(out) {
		var f struct {
			In  string
			NAT end
		}
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		}
		found[f.In] = f.NAT
	}
	if at := found["veth1"]; len(found) != 2 || at.Dst != "192.0.2.254" || at.Dport != 8080 || at.Src != "192.0.2.2" || at.Sport == 0 {
		t.Errorf("the dump says %+v: %s", found, out)
	}
}

// Where the machine tracks no connections, nothing is said of translation, and nothing
// is asked.
func TestNoNAT(t *testing.T) {
	r := newRouter(t, "")
	r.open(tracker.Options{Watch: true})
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "hello")
	r.eventually("both flows", func() bool { return len(r.flows("tcp")) == 2 })
	for _, f := range r.flows("") {
		if closer, err := r.tracker.Inspect(r.ctx, f.Ref()); err != nil || f.NAT != 0 || closer.NAT != nil {
			t.Errorf("%v: %v, %+v, %v", f.Tuple, f.NAT, closer, err)
		}
	}
	if n := netfilterSockets(t); n != 0 {
		t.Errorf("%d sockets to netfilter", n)
	}
}

// netfilterSockets counts the netlink sockets of this network namespace that netfilter
// serves.
func netfilterSockets(t *testing.T) (n int) {
	t.Helper()
	const netfilter = "12"
	text, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == netfilter && f[2] != "0" {
			n++
		}
	}
	return n
}

// The kernel's own numbers of a connection are shown for the end that is a socket of the
// machine, whichever it is, and for no other.
func TestSocketFacts(t *testing.T) {
	r := newOwnWatch(t, tracker.Options{})
	for _, out := range []bool{false, true} {
		for _, addr := range []netip.Addr{own[0].Addr(), own[1].Addr()} {
			near, far := r.talk(1, out, addr)
			f := r.between(near[0], far[0])
			const size = 1 << 20
			go func() { _, _ = near[0].Write(make([]byte, size)) }()
			for got, buf := 0, make([]byte, 1<<16); got < size; {
				_ = far[0].SetReadDeadline(time.Now().Add(waitTimeout))
				n, err := far[0].Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got += n
			}
			var closer flow.Inspection
			r.eventually("everything acknowledged", func() bool {
				var err error
				if closer, err = r.tracker.Inspect(r.ctx, f.Ref()); err != nil {
					t.Fatal(err)
				}
				s := closer.Origin
				if !out {
					s = closer.Reply
				}
				return s != nil && s.Acknowledged >= size && s.Unacknowledged == 0
			})
			s, other := closer.Origin, closer.Reply
			if !out {
				s, other = other, s
			}
			if other != nil || closer.NAT != nil {
				t.Errorf("%v: the far end is %+v, translated %v", f.Tuple, other, closer.NAT)
			}
			if s.CWnd < 2 || s.MSS < 500 || s.SRTT <= 0 || s.RTO < s.SRTT || s.Congestion == "" || s.DeliveryRate <= 0 || s.PacingRate <= 0 {
				t.Errorf("%v: the socket is %+v", f.Tuple, *s)
			}
			if out, err := exec.Command("ss", "-tin", "sport", "=", near[0].LocalAddr().String()[strings.LastIndexByte(near[0].LocalAddr().String(), ':'):]).Output(); err == nil {
				t.Logf("%+v\n%s", *s, out)
			}
			near[0].Close()
			far[0].Close()
		}
	}
	client, server := r.connect(r.Server.Addr4())
	f := r.between(client, server)
	if closer, err := r.tracker.Inspect(r.ctx, f.Ref()); err != nil || closer != (flow.Inspection{}) {
		t.Errorf("of a connection that is passed on: %+v, %v", closer, err)
	}
}
