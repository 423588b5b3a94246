package e2e

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// resetWithin bounds the time from the act to the death of both ends, which nothing else
// would end. A busy machine takes longer than the figure that the tests log.
const resetWithin = waitTimeout

// An idle connection is dead at both ends, and no other flow is touched.
func TestReset(t *testing.T) {
	for _, mode := range []flow.Mode{flow.ModeNative, flow.ModeTC, flow.ModeGeneric} {
		for name, tags := range map[string][]tag{
			"untagged": nil,
			"VLAN":     {{unix.ETH_P_8021Q, 42}},
			"QinQ":     {{unix.ETH_P_8021Q, 7}, {unix.ETH_P_8021AD, 42}},
		} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				l, ctx := newLab(t)
				tagHost(t, l.Client, tags)
				tagHost(t, l.Server, tags)
				r := &rig{Lab: l, t: t, ctx: ctx}
				r.open(tracker.Options{Mode: mode})
				for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
					r.resets(addr)
				}
				checkSums(t, r)
			})
		}
	}
}

// Under enforce, too, and by a process that joined.
func TestResetInEnforce(t *testing.T) {
	r := newRig(t, tracker.Options{Policy: flow.PolicyEnforce})
	second, err := tracker.Join(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "hello")
	f := r.flow("tcp", flow.StateEstablished)
	dead := dying(t, client, server)
	if outcome, err := second.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("dead after %s", dead())
}

// resets resets one of two connections.
func (r *rig) resets(addr netip.Addr) {
	t := r.t
	t.Helper()
	client, server := r.connect(addr)
	say(t, client, server, "hello")
	say(t, server, client, "hello yourself")
	f := r.flow("tcp", flow.StateEstablished)
	r.eventually("the last ACK", func() bool {
		f = r.flow("tcp", flow.StateEstablished)
		return f.Packets() >= 7 && quiet(t, f, client, server)
	})
	other, otherEnd := r.connect(addr)
	packets := f.Origin.Packets + f.Reply.Packets

	dead, begun := dying(t, client, server), time.Now()
	outcome, err := r.collector.Act(r.ctx, flow.Reset(f.Ref()))
	took := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("%s: dead after %s, told after %s", f.Tuple, dead(), took)
	e := r.ended(f.ID)
	if e.Reason != flow.ReasonReset || e.Origin.Packets+e.Reply.Packets != packets {
		t.Errorf("it ended by %s with %d packets, it had %d", e.Reason, e.Origin.Packets+e.Reply.Packets, packets)
	}
	say(t, other, otherEnd, "still here")
	say(t, otherEnd, other, "so am I")
	if again, err := r.collector.Act(r.ctx, flow.Reset(f.Ref())); err != nil || again != (flow.Outcome{Gone: 1}) {
		t.Errorf("again: %+v, %v", again, err)
	}
	rest := r.flow("tcp", flow.StateEstablished)
	if _, err := r.tracker.Act(r.ctx, flow.Reset(rest.Ref())); err != nil {
		t.Error(err)
	}
	r.none("tcp")
}

// quiet reports whether everything that the ends of a connection have sent is acknowledged, and
// counted by its flow: nothing more comes by itself.
func quiet(t *testing.T, f flow.Flow, near, far net.Conn) bool {
	t.Helper()
	a, b := segments(t, near), segments(t, far)
	return a.Unacked+b.Unacked == 0 && uint32(f.Packets()) >= max(a.Segs_out+a.Segs_in, b.Segs_out+b.Segs_in)
}

// dying waits for both ends to be reset. The function that it returns says how long
// that took.
func dying(t *testing.T, ends ...net.Conn) func() time.Duration {
	t.Helper()
	return deaths(t, map[error][]net.Conn{unix.ECONNRESET: ends})
}

// A connection that sends as fast as it can, one way or both, ends as well.
func TestResetBusy(t *testing.T) {
	for _, mode := range []flow.Mode{flow.ModeNative, flow.ModeTC, flow.ModeGeneric} {
		for name, senders := range map[string]int{"one way": 1, "both ways": 2} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				r := newRig(t, tracker.Options{Mode: mode})
				client, server := r.connect(r.Server.Addr4())
				r.resetsBusy(client, server, senders, func() flow.Flow { return r.flow("tcp", flow.StateEstablished) }, unix.ECONNRESET)
			})
		}
	}
}

// resetsBusy resets a connection on which one end or both send as fast as they can. The first
// end then says that it was reset, and the second one the given error.
func (r *rig) resetsBusy(first, second net.Conn, senders int, find func() flow.Flow, want error) {
	r.t.Helper()
	ends := []*busy{keepBusy(first, true), keepBusy(second, senders > 1)}
	var f flow.Flow
	r.eventually("much traffic", func() bool {
		f = find()
		return f.Origin.Bytes > 1<<18 && (senders == 1 || f.Reply.Bytes > 1<<18)
	})
	begun := time.Now()
	outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref()))
	told := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: 1}) {
		r.t.Errorf("%+v, %v", outcome, err)
	}
	for i, want := range []error{unix.ECONNRESET, want} {
		at, err := ends[i].wait()
		r.t.Logf("%s dead after %s, told after %s", ends[i].conn.LocalAddr(), at.Sub(begun), told)
		if !errors.Is(err, want) {
			r.t.Errorf("it says %v", err)
		}
	}
	if e := r.ended(f.ID); e.Reason != flow.ReasonReset {
		r.t.Errorf("it ended by %s", e.Reason)
	}
	r.none("tcp")
}

// busy is an end that reads, and perhaps writes, as fast as it can.
type busy struct {
	conn   net.Conn
	doing  sync.WaitGroup
	mu     sync.Mutex
	failed error
	at     time.Time
}

func keepBusy(conn net.Conn, writes bool) *busy {
	b := &busy{conn: conn}
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout + resetWithin))
	b.until(func(data []byte) (int, error) { return conn.Read(data) })
	if writes {
		b.until(func(data []byte) (int, error) { return conn.Write(data) })
	}
	return b
}

// until does something until it fails. The kernel tells a reset to one of reader and
// writer only.
func (b *busy) until(do func([]byte) (int, error)) {
	b.doing.Go(func() {
		for data := make([]byte, 1<<16); ; {
			_, err := do(data)
			if err == nil {
				continue
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.failed = errors.Join(b.failed, err)
			b.at = time.Now()
			return
		}
	})
}

// wait returns when the end died, and why.
func (b *busy) wait() (time.Time, error) {
	b.doing.Wait()
	return b.at, b.failed
}

// A connection that has the tuple of an earlier one is left alone, and so is what is
// not TCP.
func TestResetLeavesOthersAlone(t *testing.T) {
	r := newRig(t, tracker.Options{Timeouts: flow.Timeouts{flow.ICMP: time.Hour}})
	ping := r.flows("icmp")[0]
	listener, err := r.Server.Listen(r.ctx, "tcp", netip.AddrPortFrom(r.Server.Addr4(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	from := netip.AddrPortFrom(r.Client.Addr4(), 0).String()
	var old flow.Flow
	for range 2 {
		client, err := r.Client.DialFrom(r.ctx, "tcp", from, listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		f := r.flow("tcp", flow.StateEstablished)
		if old.ID == 0 {
			old, from = f, client.LocalAddr().String()
			_ = client.(*net.TCPConn).SetLinger(0)
			_ = client.Close()
			_ = server.Close()
			r.none("tcp")
			continue
		}
		if f.Tuple != old.Tuple || f.ID == old.ID {
			t.Fatalf("%v is not %v born again", f, old)
		}
		outcome, err := r.tracker.Act(r.ctx, flow.Reset(old.Ref(), ping.Ref()))
		if err != nil || outcome != (flow.Outcome{Gone: 1, NotTCP: 1}) {
			t.Errorf("%+v, %v", outcome, err)
		}
		say(t, client, server, "still here")
		say(t, server, client, "so am I")
		_, _ = client.Close(), server.Close()
	}
}

// Many at once: each end gets the RST that it expects, and no more than two.
func TestResetMany(t *testing.T) {
	n := min(500, (filesToOpen(t)-300)/2)
	if chaos() {
		n = min(10_000, (filesToOpen(t)-300)/2)
	}
	r := newRig(t, tracker.Options{})
	ends := make([]net.Conn, 0, 2*n)
	for _, both := range r.connectAll(r.Server.Addr4(), n) {
		ends = append(ends, both[:]...)
	}
	refs := r.allEstablished(n)
	at := []*resetCount{countResets(t, r.Client), countResets(t, r.Server)}
	dead, begun := dying(t, ends...), time.Now()
	outcome, err := r.tracker.Act(r.ctx, flow.Reset(refs...))
	told := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: n}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("%d connections: all dead after %s, told after %s", n, dead(), told)
	for _, c := range at {
		frames, tuples, took := c.stop()
		t.Logf("%d RSTs of %d connections on the wire, the last one after %s", frames, tuples, took-begun.Sub(c.begun))
		if tuples != n || frames > 2*n {
			t.Errorf("%d RSTs of %d connections, not %d", frames, tuples, n)
		}
	}
	r.none("tcp")
}

// filesToOpen returns how many files this process may open. Go has raised the limit as
// far as it goes.
func filesToOpen(t *testing.T) int {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(limit.Cur)
}

// allEstablished waits until so many connections are established, and returns them.
func (r *rig) allEstablished(n int) []flow.Ref {
	r.t.Helper()
	refs := make([]flow.Ref, 0, n)
	r.eventually("all of them", func() bool {
		refs = refs[:0]
		for _, f := range r.flows("tcp") {
			if f.State == flow.StateEstablished {
				refs = append(refs, f.Ref())
			}
		}
		return len(refs) == n
	})
	return refs
}
