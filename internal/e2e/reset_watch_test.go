package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// own are addresses of the machine in the middle.
var own = []netip.Prefix{netip.MustParsePrefix("10.0.0.9/24"), netip.MustParsePrefix("fd00::9/64")}

// addAddresses gives an interface of the machine in the middle addresses until the test
// ends.
func addAddresses(t testing.TB, name string, prefixes ...netip.Prefix) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prefixes {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = netlink.AddrDel(link, addr) })
	}
}

// newOwnWatch watches the interface by which the machine in the middle talks to the
// client.
func newOwnWatch(t *testing.T, o tracker.Options) *rig {
	t.Helper()
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	r := &rig{Lab: l, t: t, ctx: ctx}
	addAddresses(t, "br0", own...)
	o.Watch, o.Interfaces = true, []string{l.Client.Port()}
	r.open(o)
	return r
}

// talk opens connections between the client and the machine, in either direction.
func (r *rig) talk(n int, out bool, addr netip.Addr) (near, far []net.Conn) {
	r.t.Helper()
	var listener net.Listener
	var err error
	if out {
		there := r.Client.Addr4()
		if addr.Is6() {
			there = r.Client.Addr6()
		}
		listener, err = r.Client.Listen(r.ctx, "tcp", netip.AddrPortFrom(there, 0).String())
	} else {
		config := net.ListenConfig{}
		config.SetMultipathTCP(false)
		listener, err = config.Listen(r.ctx, "tcp", netip.AddrPortFrom(addr, 0).String())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer listener.Close()
	for range n {
		var dialled net.Conn
		if out {
			dialled, err = net.Dial("tcp", listener.Addr().String())
		} else {
			dialled, err = r.Client.Dial(r.ctx, "tcp", listener.Addr().String())
		}
		if err != nil {
			r.t.Fatal(err)
		}
		accepted, err := listener.Accept()
		if err != nil {
			r.t.Fatal(err)
		}
		if !out {
			dialled, accepted = accepted, dialled
		}
		near, far = append(near, dialled), append(far, accepted)
		r.t.Cleanup(func() { dialled.Close(); accepted.Close() })
	}
	return near, far
}

// deaths waits for ends that die by an error. The function that it returns says how long
// that took.
func deaths(t *testing.T, by map[error][]net.Conn) func() time.Duration {
	t.Helper()
	begun, n := time.Now(), 0
	dead := make(chan time.Duration, 1024)
	for want, ends := range by {
		n += len(ends)
		for _, end := range ends {
			go func() {
				_ = end.SetReadDeadline(time.Now().Add(resetWithin))
				if _, err := io.Copy(io.Discard, end); !errors.Is(err, want) {
					t.Errorf("%s, an end, says %v, not %v", end.LocalAddr(), err, want)
				}
				dead <- time.Since(begun)
			}()
		}
	}
	return func() (longest time.Duration) {
		for range n {
			longest = max(longest, <-dead)
		}
		return longest
	}
}

// A connection of the machine's own ends at both ends, and no other is touched: the
// machine's program is told that it was aborted, the other end that it was reset.
func TestResetOwn(t *testing.T) {
	r := newOwnWatch(t, tracker.Options{})
	for _, out := range []bool{false, true} {
		for _, addr := range []netip.Addr{own[0].Addr(), own[1].Addr()} {
			near, far := r.talk(2, out, addr)
			say(t, near[0], far[0], "hello")
			say(t, far[0], near[0], "hello yourself")
			f := r.between(near[0], far[0])
			if f.Outgoing != out {
				t.Errorf("%v goes out: %t", f.Tuple, f.Outgoing)
			}
			dead, begun := deaths(t, map[error][]net.Conn{unix.ECONNABORTED: near[:1], unix.ECONNRESET: far[:1]}), time.Now()
			outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref()))
			told := time.Since(begun)
			if err != nil || outcome != (flow.Outcome{Done: 1}) {
				t.Errorf("%+v, %v", outcome, err)
			}
			t.Logf("%s: dead after %s, told after %s", f.Tuple, dead(), told)
			if e := r.ended(f.ID); e.Reason != flow.ReasonReset {
				t.Errorf("it ended by %s", e.Reason)
			}
			if again, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || again != (flow.Outcome{Gone: 1}) {
				t.Errorf("again: %+v, %v", again, err)
			}
			say(t, near[1], far[1], "still here")
			say(t, far[1], near[1], "so am I")
			near[1].Close()
			far[1].Close()
		}
	}
	checkSums(t, r)
}

// between waits for the flow of a connection.
func (r *rig) between(near, far net.Conn) (found flow.Flow) {
	r.t.Helper()
	a, b := near.LocalAddr().String(), far.LocalAddr().String()
	r.eventually("the flow of "+a+" and "+b, func() bool {
		for _, f := range r.flows("tcp") {
			src, dst := f.Tuple.Src.String(), f.Tuple.Dst.String()
			if (src == a && dst == b || src == b && dst == a) && f.State == flow.StateEstablished {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// A connection that the machine only passes on ends at both ends. It is a flow at each
// interface: the RSTs for one of them end the other, and count for none.
func TestResetPassedOn(t *testing.T) {
	for name, tags := range map[string][]tag{"untagged": nil, "VLAN": {{unix.ETH_P_8021Q, 42}}} {
		for _, which := range [][]int{{0}, {1}, {0, 1}} {
			t.Run(fmt.Sprint(name, which), func(t *testing.T) {
				l, ctx := newLabWith(t, lab.Options{Bridge: true})
				tagHost(t, l.Client, tags)
				tagHost(t, l.Server, tags)
				r := &rig{Lab: l, t: t, ctx: ctx}
				r.open(tracker.Options{Watch: true})
				for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
					r.resetsPassedOn(addr, which)
				}
				checkSums(t, r)
			})
		}
	}
}

func (r *rig) resetsPassedOn(addr netip.Addr, which []int) {
	t := r.t
	t.Helper()
	client, server := r.connect(addr)
	say(t, client, server, "hello")
	say(t, server, client, "hello yourself")
	var flows [2]flow.Flow
	r.eventually("both flows, and the last ACK", func() bool {
		all := r.flows("tcp")
		for _, f := range all {
			flows[f.In] = f
		}
		return len(all) == 2 && flows[0].Packets() >= 7 && flows[1].Packets() >= 7 &&
			quiet(t, flows[0], client, server) && quiet(t, flows[1], client, server)
	})
	var refs []flow.Ref
	for _, i := range which {
		refs = append(refs, flows[i].Ref())
	}
	dead, begun := dying(t, client, server), time.Now()
	outcome, err := r.tracker.Act(r.ctx, flow.Reset(refs...))
	told := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: len(which)}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("%s: dead after %s, told after %s", flows[0].Tuple, dead(), told)
	for _, f := range flows {
		if e := r.ended(f.ID); e.Reason != flow.ReasonReset || e.Origin.Packets+e.Reply.Packets != f.Packets() {
			t.Errorf("at interface %d it ended by %s with %d packets, it had %d", f.In, e.Reason, e.Origin.Packets+e.Reply.Packets, f.Packets())
		}
	}
	r.none("tcp")
}

// Connections that send as fast as they can end as well: the machine's own and one that
// it passes on.
func TestResetWatchedBusy(t *testing.T) {
	for name, ownSocket := range map[string]bool{"own": true, "passed on": false} {
		for _, senders := range []int{1, 2} {
			t.Run(fmt.Sprint(name, senders), func(t *testing.T) {
				r := newOwnWatch(t, tracker.Options{})
				var near, far net.Conn
				want := error(unix.ECONNRESET)
				if ownSocket {
					n, f := r.talk(1, false, own[0].Addr())
					near, far, want = n[0], f[0], unix.ECONNABORTED
				} else {
					far, near = r.connect(r.Server.Addr4())
				}
				r.resetsBusy(far, near, senders, func() flow.Flow { return r.between(near, far) }, want)
			})
		}
	}
}

// At lo both ends are the machine's.
func TestResetLoopback(t *testing.T) {
	r := newOwnWatch(t, tracker.Options{})
	lo, err := tracker.Open(r.ctx, tracker.Options{Watch: true, Interfaces: []string{"lo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lo.Close() }()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	say(t, client, server, "hello")
	say(t, server, client, "hello yourself")
	s, err := lo.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Flows {
		if f.Tuple.Src.String() != client.LocalAddr().String() {
			continue
		}
		if outcome, err := lo.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
			t.Errorf("%+v, %v", outcome, err)
		}
	}
	for _, end := range []net.Conn{client, server} {
		_ = end.SetReadDeadline(time.Now().Add(resetWithin))
		if _, err := io.Copy(io.Discard, end); !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%s, an end, says %v", end.LocalAddr(), err)
		}
	}
}

// Many of the machine's own at once: each other end gets its RST.
func TestResetOwnMany(t *testing.T) {
	n := min(500, (filesToOpen(t)-300)/2)
	if chaos() {
		n = min(10_000, (filesToOpen(t)-300)/2)
	}
	r := newOwnWatch(t, tracker.Options{})
	near, far := r.talk(n, false, own[0].Addr())
	refs := r.allEstablished(n)
	at := countResets(t, r.Client)
	dead, begun := deaths(t, map[error][]net.Conn{unix.ECONNABORTED: near, unix.ECONNRESET: far}), time.Now()
	outcome, err := r.tracker.Act(r.ctx, flow.Reset(refs...))
	told := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: n}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("%d connections: all dead after %s, told after %s", n, dead(), told)
	frames, tuples, took := at.stop()
	t.Logf("%d RSTs of %d connections on the wire, the last one after %s", frames, tuples, took-begun.Sub(at.begun))
	if tuples != n || frames > 2*n {
		t.Errorf("%d RSTs of %d connections, not %d", frames, tuples, n)
	}
	r.none("tcp")
}
