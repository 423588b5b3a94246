package collect

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// BenchmarkSnapshot reads tables of a thousand and of a million flows, alone and
// with the rates since the one before.
func BenchmarkSnapshot(b *testing.B) {
	lab.Require(b)
	for _, n := range []int{1_000, 1_000_000} {
		tr := filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s, err := tr.Snapshot(nil); err != nil || len(s.Flows) != n {
					b.Fatal(len(s.Flows), err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/collected", n), func(b *testing.B) {
			b.ReportAllocs()
			c := New(tr, Options{})
			for b.Loop() {
				if _, err := c.collect(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEvents reads the events of flows that begin, and of those that make room for
// them, as a collector does. Time and allocations are per event.
func BenchmarkEvents(b *testing.B) {
	lab.Require(b)
	tr := filled(b, 100)
	f := frame.Frame{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := EventLog{Limit: DefaultEventLog}
	const atOnce = 4_000
	port := uint16(0)
	// Each flow makes two events, but for the first ones, which find room.
	begin := func(flows int) {
		for range flows {
			port++
			f.L4 = frame.Datagram(port, 53, 18)
			if err := tr.table.Inject(f.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	seen, read := 0, 0
	b.StopTimer()
	for event, err := range Events(ctx, tr, func() { begin(atOnce + 100) }) {
		if err != nil || event.Type == flow.EventLost {
			b.Fatal(event, err)
		}
		b.StartTimer()
		log.Add(&event)
		if seen++; seen >= b.N {
			break
		}
		if read++; read == 2*atOnce {
			b.StopTimer()
			begin(atOnce)
			read = 0
		}
	}
	b.StopTimer()
}
