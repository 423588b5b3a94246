package e2e

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// resetWithin bounds the time from the act to the death of both ends. A busy machine
// takes longer than the figure that the test logs.
const resetWithin = 5 * time.Second

// An idle connection is dead at both ends, and no other flow is touched.
func TestReset(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
				r.resets(addr)
			}
			checkSums(t, r)
		})
	}
}

// resets resets one of two connections.
func (r *rig) resets(addr netip.Addr) {
	t := r.t
	t.Helper()
	client, server := r.connect(addr)
	say(t, client, server, "hello")
	say(t, server, client, "hello yourself")
	f := r.flow("tcp", flow.StateEstablished)
	other, otherEnd := r.connect(addr)
	packets := f.Origin.Packets + f.Reply.Packets

	dead := make(chan time.Duration, 2)
	begun := time.Now()
	for _, end := range []net.Conn{client, server} {
		go func() {
			_ = end.SetReadDeadline(time.Now().Add(resetWithin))
			if _, err := end.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("an end of %s says %v", f.Tuple, err)
			}
			dead <- time.Since(begun)
		}()
	}
	outcome, err := r.collector.Act(r.ctx, flow.Reset(f.Ref()))
	took := time.Since(begun)
	if err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	t.Logf("%s: dead after %s and %s, told after %s", f.Tuple, <-dead, <-dead, took)
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
