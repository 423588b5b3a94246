package kernel

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"ctop/internal/frame"
	"ctop/tracker/flow"
)

// feed injects packets, each at its side, again and again until the context is done: a trace
// has nothing of what was before it.
func feed(t *testing.T, table *Table, c Clock, packets ...[]byte) (ctx context.Context, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			for i, packet := range packets {
				table.SetSide(i%2, true)
				if err := errors.Join(table.SetClock(c), table.Inject(packet)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return ctx, cancel
}

// A trace has a record of every packet of both sides, in order, and ends with its context.
func TestTraces(t *testing.T) {
	_, table, _, c := injectedWith(t, Options{Tracing: true})
	ctx, stop := feed(t, table, c, datagram(false), datagram(true))
	n, last := 0, uint16(2)
	for trace, err := range table.Traces(ctx) {
		must(t, err)
		if trace.Lost > 0 {
			t.Fatalf("%d are lost", trace.Lost)
		}
		if trace.In == last || trace.Tuple.Proto != flow.ProtocolUDP {
			t.Errorf("after one of side %d: %+v", last, trace)
		}
		last = trace.In
		if n++; n == 20 {
			stop()
		}
	}
	if n < 20 {
		t.Errorf("%d packets", n)
	}
}

// A record has what the packet's headers say, and what became of it.
func TestTraceOfSegments(t *testing.T) {
	_, table, _, c := injectedWith(t, Options{Tracing: true})
	stray := segment(true, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 900_000_000})
	table.SetSide(0, false)
	must(t, errors.Join(table.SetClock(c),
		table.Inject(segment(false, frame.Segment{Flags: frame.SYN, Seq: 1000})),
		table.Inject(segment(true, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})),
		table.Inject(segment(false, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001}))))
	ctx, stop := feed(t, table, c, segment(false, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001}), stray)
	for trace, err := range table.Traces(ctx) {
		must(t, err)
		if trace.In == 0 {
			continue
		}
		want := flow.Trace{
			Tuple: tuple(flow.ProtocolTCP, "10.0.0.2:80", "10.0.0.1:40000"), Flow: trace.Flow, Direction: flow.Reply, In: 1, Out: 0,
			Kind: flow.PacketFlow, Flags: frame.ACK, Seq: 5001, Ack: 900_000_000, Window: 60000, Bytes: uint32(len(stray)), Segments: 1,
			Verdict: flow.VerdictInvalid, Invalid: flow.InvalidWindow, From: flow.StateEstablished, To: flow.StateEstablished,
		}
		if time.Since(trace.Time).Abs() > time.Minute || trace.Flow == 0 {
			t.Errorf("%+v", trace)
		}
		if trace.Time = want.Time; trace != want {
			t.Errorf("\n%+v, want\n%+v", trace, want)
		}
		stop()
		break
	}
}
