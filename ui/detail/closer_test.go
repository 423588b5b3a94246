package detail_test

import (
	"errors"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

func TestSocket(t *testing.T) {
	socket := flow.Socket{
		Congestion: "cubic", CWnd: 10, SSThresh: 7, MSS: 1448, SRTT: 12 * time.Millisecond, RTTVar: 3 * time.Millisecond,
		MinRTT: 11 * time.Millisecond, RTO: 212 * time.Millisecond, Retransmits: 4, Lost: 1,
		PacingRate: 2.4e6, DeliveryRate: 1.2e6, AppLimited: true, Unacknowledged: 1448, Unread: 70,
	}
	of := fake.Flow(0)
	f, p := open(of)
	asked := 0
	f.Inspect = func(ref flow.Ref) (flow.Inspection, error) {
		asked++
		if ref != of.Ref() {
			t.Errorf("asked for %v", ref)
		}
		now := socket
		return flow.Inspection{Reply: &now}, nil
	}
	f.Send(page.FlowOpened{})
	shows(t, p, "socket reply, of this machine: cubic, cwnd 10 × 1,448 B, ssthresh 7, rtt 12.0 ms ± 3.00 ms, min rtt 11.0 ms, rto 212.0 ms, 4 retransmitted, 1 lost, "+
		"pacing 2.4 Mb/s, delivery 1.2 Mb/s (limited by its program), 1.4 kB unacknowledged, 70 B unread")
	f.Run(f.NextUnit())
	shows(t, p, "pacing 300 kB/s, delivery 150 kB/s")
	socket.CWnd, socket.SSThresh = 20, 0
	f.Send(page.Polled{})
	shows(t, p, "cwnd 20")
	hides(t, p, "ssthresh", "nat")
	f.Run(f.TogglePause())
	socket.CWnd = 30
	f.Send(page.Polled{})
	shows(t, p, "cwnd 20")
	f.Run(f.TogglePause())
	end := event(time.Minute, flow.StateEstablished, flow.StateNone, flow.Origin)
	end.Type, end.Reason = flow.EventDestroy, flow.ReasonRST
	f.Events = []flow.Event{end}
	f.Send(page.EventsTaken{})
	before := asked
	f.Send(page.Polled{})
	if hides(t, p, "socket"); asked != before {
		t.Error("asked for a flow that has ended")
	}
}

// TestHolders names every process with the flow's sockets, unless that is the one that is
// named already.
func TestHolders(t *testing.T) {
	of := fake.Flow(0)
	one, two := &flow.Process{Name: "nginx", PID: 7, User: "www"}, &flow.Process{Name: "worker", PID: 8, User: "root"}
	of.Holding = flow.Holding{Process: one, End: flow.Reply}
	f, p := open(of)
	var found *flow.Holders
	f.Inspect = func(flow.Ref) (flow.Inspection, error) { return flow.Inspection{Holders: found}, nil }
	f.Send(page.FlowOpened{})
	hides(t, p, "held by")
	found = &flow.Holders{flow.Reply: {one}}
	f.Send(page.Polled{})
	hides(t, p, "held by")
	found = &flow.Holders{flow.Reply: {one, two}}
	f.Send(page.Polled{})
	shows(t, p, "held by reply: nginx[7] (user www), worker[8] (user root)")
	found = &flow.Holders{flow.Origin: {two}, flow.Reply: {one}}
	f.Send(page.Polled{})
	shows(t, p, "held by origin: worker[8] (user root); reply: nginx[7] (user www)")
}

// TestSmallest has the smallest of each fact that is not shown where it is zero.
func TestSmallest(t *testing.T) {
	of := fake.Flow(0)
	of.Reply.RTT = 1
	f, p := open(of)
	shows(t, p, "reply ← 1 1.4 kB 112 Mb/s 0.00 ms")
	f.Inspect = func(flow.Ref) (flow.Inspection, error) {
		return flow.Inspection{Origin: &flow.Socket{SSThresh: 1, SRTT: 1, MinRTT: 1, Lost: 1, PacingRate: 1, DeliveryRate: 1}}, nil
	}
	f.Send(page.Polled{})
	shows(t, p, "ssthresh 1, rtt 0.00 ms ± 0.00 ms, min rtt 0.00 ms,", "1 lost, pacing 1 b/s, delivery 1 b/s,")
	f.Inspect = func(flow.Ref) (flow.Inspection, error) { return flow.Inspection{Origin: &flow.Socket{}}, nil }
	f.Send(page.Polled{})
	hides(t, p, "ssthresh", "rtt 0.00 ms", "lost", "pacing", "delivery")
}

func TestSocketIsNotKnown(t *testing.T) {
	f, p := open(fake.Flow(0))
	f.Send(page.FlowOpened{})
	hides(t, p, "socket")
	f.Inspect = func(flow.Ref) (flow.Inspection, error) { return flow.Inspection{}, errors.New("no permission") }
	f.Send(page.Polled{})
	shows(t, p, "socket not known: no permission")
}

func TestOtherHalf(t *testing.T) {
	inside, outside := fake.Flow(0), fake.Flow(5)
	inside.Tuple.Zone, outside.Tuple.Zone = 1, 2
	outside.Tuple.Src, outside.Tuple.Dst = flow.MustParseEnd("192.0.2.1:1024"), inside.Tuple.Dst
	outside.In = 1
	there := outside.Tuple
	there.Zone = 0
	f, p := open(inside)
	f.Inspect = func(flow.Ref) (flow.Inspection, error) { return flow.Inspection{NAT: &there}, nil }
	f.Send(page.Polled{})
	shows(t, p, "nat its other half is 192.0.2.1:1024 → 192.168.1.10:443, at no watched interface")
	another, nowhere := fake.Flow(3), outside
	nowhere.In = 2 // an interface that is not known
	f.Shown = fake.Snapshot(fake.Start, []flow.Flow{inside, another, nowhere, outside})
	f.Send(page.Polled{})
	shows(t, p, "→ 192.168.1.10:443 at veth2: origin 6 packets, 480 B, 1.1 Mb/s, reply 6 packets, 8.4 kB, 18.7 Mb/s")
	outside.Tuple = outside.Tuple.Reverse()
	f.Shown = fake.Snapshot(fake.Start, []flow.Flow{inside, outside})
	f.Send(page.Polled{})
	shows(t, p, "at veth2, seen from its reply: origin")
}
