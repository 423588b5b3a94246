package tracker

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"ctop/bpf"
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
				if s, err := tr.Snapshot(); err != nil || len(s.Flows) != n {
					b.Fatal(len(s.Flows), err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/collected", n), func(b *testing.B) {
			b.ReportAllocs()
			c := NewCollector(tr, CollectorOptions{})
			for b.Loop() {
				if _, err := c.collect(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// filled returns a tracker between nothing, with established flows.
func filled(tb testing.TB, n int) *Tracker {
	tb.Helper()
	k, err := loadKernel(loadOptions{maxFlows: n * 11 / 10})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(k.close)
	t := &Tracker{kernel: k, meta: meta{MaxFlows: n * 11 / 10}, log: slog.New(slog.DiscardHandler), slots: map[uint32]bool{}}
	if err := t.start(); err != nil {
		tb.Fatal(err)
	}
	for name, d := range flow.DefaultTimeouts() {
		t.config.TimeoutTicks[name] = clock{tick: t.tick}.ticksOf(d)
	}
	if err := t.writeConfig(); err != nil {
		tb.Fatal(err)
	}
	c, err := t.readClock()
	if err != nil {
		tb.Fatal(err)
	}
	values := make([]kernelFlow, n)
	for i := range n {
		key := keyFromTuple(flow.Tuple{
			Proto: flow.ProtocolTCP,
			Src:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(i)),
			Dst:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 0, 1}), 443),
		})
		values[i] = kernelFlow{Key: key, Id: uint64(i + 1), Control: uint64(i+1)<<32 | uint64(flow.StateEstablished), CreatedNs: c.ns - uint64(i)*1000}
		for d := range values[i].Dir {
			h := &values[i].Dir[d]
			h.Packets, h.Bytes, h.LastSeenTicks = uint64(i%1000+1), uint64(i)*100, c.ticks
			h.End, h.Acked, h.Limit = 1, 1, 5000
		}
	}
	stats, err := t.readStats()
	if err != nil {
		tb.Fatal(err)
	}
	stats[0].Created = uint64(n)
	if err := k.stats.Put(uint32(0), stats); err != nil {
		tb.Fatal(err)
	}
	if err := tableOf(tb, k).Fill(values); err != nil {
		tb.Fatal(err)
	}
	return t
}

// tableOf is the kernel's table, to be filled and emptied.
func tableOf(tb testing.TB, k *kernel) bpf.Table {
	tb.Helper()
	table, err := bpf.TableOf(k.xdp)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(table.Close)
	return table
}
