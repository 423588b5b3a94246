package e2e

import (
	"net"
	"testing"
	"time"

	"ctop/tracker"
	"ctop/tracker/flow"
	"ctop/tracker/nat"
)

// BenchmarkNAT measures what it costs to say of each flow how it is translated, on a
// router with 100,000 translations and both halves of each in the table: reading them
// all, looking all flows up after that, and saying the same of the next snapshot.
//
//	go test -run '^$' -bench NAT -benchtime 5x ./internal/e2e
func BenchmarkNAT(b *testing.B) {
	const translations = 100_000
	r := newRouter(b, rules)
	tr, err := tracker.Open(r.ctx, tracker.Options{
		Watch: true, Interfaces: []string{r.Client.Port(), r.Server.Port()}, MaxFlows: 4 * translations,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	for range translations / 50_000 {
		conn, err := r.Client.ListenPacket(r.ctx, "udp4", "10.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		for port := range 50_000 {
			// Some are refused: nobody listens.
			for range 3 {
				if _, err = conn.WriteTo([]byte("hello"), &net.UDPAddr{IP: net.IP{192, 0, 2, 2}, Port: 1024 + port}); err == nil {
					break
				}
			}
		}
		conn.Close()
	}
	s, err := tr.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	var read, looked, again time.Duration
	few := flow.Snapshot{Flows: s.Flows[:1]}
	for b.Loop() {
		var cache nat.Cache
		began := time.Now()
		if err := cache.Apply(&few); err != nil {
			b.Fatal(err)
		}
		read += time.Since(began)
		began = time.Now()
		if err := cache.Apply(s); err != nil {
			b.Fatal(err)
		}
		looked += time.Since(began)
		began = time.Now()
		if err := cache.Apply(s); err != nil {
			b.Fatal(err)
		}
		again += time.Since(began)
	}
	told := 0
	for _, f := range s.Flows {
		if f.NAT != 0 {
			told++
		}
	}
	b.ReportMetric(float64(told), "translated-flows")
	b.ReportMetric(float64(read.Milliseconds())/float64(b.N), "ms-to-read")
	b.ReportMetric(float64(looked.Milliseconds())/float64(b.N), "ms-to-look-up")
	b.ReportMetric(float64(again.Milliseconds())/float64(b.N), "ms-a-snapshot")
	b.ReportMetric(0, "ns/op")
}
