package e2e

import (
	"net"
	"net/netip"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// A socket of the machine that has the tuple of a connection which the machine only
// passes on is another connection: it is left alone. So is one that was born under the
// tuple of an earlier one.
func TestResetLeavesEqualTuplesAlone(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	r := &rig{Lab: l, t: t, ctx: ctx}
	r.open(tracker.Options{Watch: true, Interfaces: []string{l.Client.Port()}})
	client, server := r.connect(r.Server.Addr4())
	say(t, client, server, "hello")
	say(t, server, client, "hello yourself")
	f := r.flow("tcp", flow.StateEstablished)

	addAddresses(t, "lo", netip.PrefixFrom(r.Client.Addr4(), 32), netip.PrefixFrom(r.Server.Addr4(), 32))
	listener, err := net.Listen("tcp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialer := net.Dialer{LocalAddr: client.LocalAddr()}
	twin, err := dialer.DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	twinEnd, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer twinEnd.Close()
	say(t, twin, twinEnd, "hello yourself")
	say(t, twinEnd, twin, "hello")

	dead := dying(t, client, server)
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	dead()
	say(t, twin, twinEnd, "still here")
	say(t, twinEnd, twin, "so am I")
}

// A connection that has the tuple of an earlier one is left alone.
func TestResetOwnReborn(t *testing.T) {
	r := newOwnWatch(t, tracker.Options{})
	listener, err := net.Listen("tcp4", netip.AddrPortFrom(own[0].Addr(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	from := netip.AddrPortFrom(r.Client.Addr4(), 0).String()
	var old flow.Flow
	for range 2 {
		far, err := r.Client.DialFrom(r.ctx, "tcp", from, listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		f := r.between(near, far)
		if old.ID == 0 {
			old, from = f, far.LocalAddr().String()
			_ = far.(*net.TCPConn).SetLinger(0)
			far.Close()
			near.Close()
			r.none("tcp")
			continue
		}
		if f.Tuple != old.Tuple || f.ID == old.ID {
			t.Fatalf("%v is not %v born again", f, old)
		}
		outcome, err := r.tracker.Act(r.ctx, flow.Reset(old.Ref()))
		if err != nil || outcome != (flow.Outcome{Gone: 1}) {
			t.Errorf("%+v, %v", outcome, err)
		}
		say(t, near, far, "still here")
		say(t, far, near, "so am I")
		near.Close()
		far.Close()
	}
}
