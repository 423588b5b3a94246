package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// Under observe the next packet picks up a deleted flow again.
func TestDeleteInObserveIsPickedUpAgain(t *testing.T) {
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr4())
	old := r.flow("tcp", flow.StateEstablished)
	r.delete(old)
	if e := r.ended(old.ID); e.Reason != flow.ReasonDeleted {
		t.Errorf("it ended by %v", e.Reason)
	}
	say(t, client, server, "hello")
	say(t, server, client, "again")
	f := r.flow("tcp", flow.StateEstablished)
	if f.ID == old.ID || f.Tuple != old.Tuple {
		t.Errorf("picked up as %v %v, it was %v %v", f.ID, f.Tuple, old.ID, old.Tuple)
	}
	checkSums(t, r)
}

// Under enforce deleting cuts the flow.
func TestDeleteInEnforceCuts(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode, Policy: flow.PolicyEnforce})
			client, server := r.connect(r.Server.Addr4())
			say(t, client, server, "hello")
			r.delete(r.flow("tcp", flow.StateEstablished))
			if _, err := client.Write([]byte("hello?")); err != nil {
				t.Fatal(err)
			}
			r.eventually("it is dropped", func() bool {
				c := counters(t, r)
				return c.Dropped > 0 && c.InvalidBy[flow.InvalidNoFlow] > 0
			})
			_ = server.SetReadDeadline(time.Now().Add(time.Second))
			if n, err := server.Read(make([]byte, 10)); err == nil {
				t.Errorf("%d bytes came through", n)
			}
			r.none("tcp")
		})
	}
}

func (r *rig) delete(f flow.Flow) {
	r.t.Helper()
	result, err := r.collector.Act(r.ctx, flow.Deletion(f.Ref(), f.Ref()))
	if err != nil {
		r.t.Fatal(err)
	}
	if result != (flow.Outcome{Done: 1, Gone: 1}) {
		r.t.Errorf("deleted twice: %+v", result)
	}
}

// A flow's own timeout applies to this flow only, and can be removed.
func TestFlowTimeout(t *testing.T) {
	r := newRig(t, tracker.Options{})
	r.connect(r.Server.Addr4())
	f := r.flow("tcp", flow.StateEstablished)
	if _, err := r.tracker.Act(r.ctx, flow.OwnTimeoutChange(f.Ref(), time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f = r.flow("tcp", flow.StateEstablished); !f.OwnTimeout || f.Timeout != time.Hour {
		t.Errorf("timeout is %v, its own: %v", f.Timeout, f.OwnTimeout)
	}
	if _, err := r.tracker.Act(r.ctx, flow.OwnTimeoutChange(f.Ref(), 0)); err != nil {
		t.Fatal(err)
	}
	if f = r.flow("tcp", flow.StateEstablished); f.OwnTimeout || f.Timeout != 5*24*time.Hour {
		t.Errorf("timeout is %v, its own: %v", f.Timeout, f.OwnTimeout)
	}
	if _, err := r.tracker.Act(r.ctx, flow.OwnTimeoutChange(f.Ref(), 2*time.Second)); err != nil {
		t.Fatal(err)
	}
	if e := r.ended(f.ID); e.Reason != flow.ReasonExpired {
		t.Errorf("it ended by %v", e.Reason)
	}
	if _, err := r.tracker.Act(r.ctx, flow.OwnTimeoutChange(f.Ref(), time.Hour)); !errors.Is(err, flow.ErrFlowGone) {
		t.Errorf("set the timeout of a flow that is gone: %v", err)
	}
}

// A list of the timeouts right after a change shows the new value. An invalid
// timeout is an error that changes nothing.
func TestChangedTimeoutIsShownAtOnce(t *testing.T) {
	r := newRig(t, tracker.Options{})
	r.eventually("a snapshot", func() bool { return r.collector.Snapshot() != nil })
	for _, d := range []time.Duration{7 * time.Second, 8 * time.Second} {
		outcome, err := r.collector.Act(r.ctx, flow.TimeoutChange(flow.ICMP, d))
		if err != nil || outcome != (flow.Outcome{Done: 1}) || r.collector.Snapshot().Timeouts[flow.ICMP] != d {
			t.Errorf("%+v, %v, shown is %s, want %s", outcome, err, r.collector.Snapshot().Timeouts[flow.ICMP], d)
		}
	}
	var usage *flow.UsageError
	if outcome, err := r.collector.Act(r.ctx, flow.TimeoutChange(flow.ICMP, 0)); !errors.As(err, &usage) || outcome != (flow.Outcome{}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	for _, act := range []flow.Act{{Kind: 99}, {Kind: flow.ActFlowTimeout}, {Kind: flow.ActFlowTimeout, Flows: make([]flow.Ref, 2)}} {
		if outcome, err := r.tracker.Act(r.ctx, act); err == nil || outcome != (flow.Outcome{}) {
			t.Errorf("%+v: %+v, %v", act, outcome, err)
		}
	}
	over, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err := r.tracker.Act(over, flow.TimeoutChange(flow.ICMP, time.Hour)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s, err := r.tracker.Snapshot(); err != nil || s.Timeouts[flow.ICMP] != 8*time.Second {
		t.Errorf("%s, %v", s.Timeouts[flow.ICMP], err)
	}
}

// A second reader sees the same table and all events, and disturbs nothing.
func TestJoin(t *testing.T) {
	r := newRig(t, tracker.Options{})
	second, err := tracker.Join(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	seen := make(chan flow.Event, 100)
	go func() {
		defer close(seen)
		for e, err := range second.Events(ctx) {
			if err != nil {
				t.Error(err)
				return
			}
			seen <- e
		}
	}()
	// Its first event shows that it is listening.
	r.eventually("an event", func() bool {
		if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
			t.Fatal(err)
		}
		return len(seen) > 0
	})
	r.connect(r.Server.Addr4())
	id := r.flow("tcp", flow.StateEstablished).ID
	told := false
	for e := range seen {
		if told = e.ID == id && e.To == flow.StateEstablished; told {
			break
		}
	}
	if !told {
		t.Error("the second reader was not told of the connection")
	}
	cancel()
	s, err := second.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Flows) == 0 || s.Interfaces[0].Name != r.Client.Port() {
		t.Errorf("it reads %d flows between %v", len(s.Flows), s.Interfaces)
	}
	for range seen {
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	r.flow("tcp", flow.StateEstablished)
	r.eventually("the update in the first reader's log", func() bool {
		for _, e := range r.log() {
			if e.ID == id && e.To == flow.StateEstablished {
				return true
			}
		}
		return false
	})
}

// If several attach at once, one does and the others join, including those that
// only read.
func TestOpenedAtOnce(t *testing.T) {
	l, ctx := newLab(t)
	const rivals = 3
	opened := make(chan *tracker.Tracker, 2*rivals)
	var wg sync.WaitGroup
	for range rivals {
		wg.Go(func() {
			tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}})
			if err != nil {
				t.Error("open:", err)
				return
			}
			opened <- tr
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				tr, err := tracker.Join(ctx, l.Server.Port(), l.Client.Port())
				if errors.Is(err, tracker.ErrNotRunning) {
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					t.Error("join:", err)
					return
				}
				opened <- tr
				return
			}
		})
	}
	wg.Wait()
	close(opened)
	owners := 0
	for tr := range opened {
		if !tr.Joined() {
			owners++
		}
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error("close:", err)
			}
		})
	}
	if owners != 1 {
		t.Errorf("%d attached", owners)
	}
}

// The first to leave does not take the link away from the other: the tracker
// ends with its last user.
func TestLastOneOut(t *testing.T) {
	r := newRig(t, tracker.Options{})
	second := &rig{Lab: r.Lab, t: t, ctx: r.ctx}
	second.open(tracker.Options{})
	if !second.tracker.Joined() {
		t.Error("it did not join")
	}
	r.stop()
	if _, err := lab.Ping(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Errorf("the first one took the tracker away: %v", err)
	}
	client, server := second.connect(r.Server.Addr4())
	say(t, client, server, "hello")
	second.flow("tcp", flow.StateEstablished)
	second.stop()
	checkDetached(t, r.Lab)
}
