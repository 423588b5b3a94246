package hello

import (
	"crypto/tls"
	"testing"

	"ctop/tracker/flow"
)

// The parser beside Go's server, for the same hello.
func BenchmarkRecords(b *testing.B) {
	all := clientRecords(b, &tls.Config{ServerName: "www.example.org"})
	b.ReportAllocs()
	for b.Loop() {
		if h, status := Records(all); status != Done || h.Name == "" {
			b.Fatal(status)
		}
	}
}

func BenchmarkGo(b *testing.B) {
	all := clientRecords(b, &tls.Config{ServerName: "www.example.org"})
	b.ReportAllocs()
	for b.Loop() {
		if name, _, read := judge(all); !read || name == "" {
			b.Fatal(name)
		}
	}
}

func BenchmarkQUIC(b *testing.B) {
	message := clientMessage(b, &tls.Config{ServerName: "quic.example.org", NextProtos: []string{"h3"}})
	first, second := initial(1, []byte("12345678"), 0, cryptoFrame(message, 0, 1000)), initial(1, []byte("12345678"), 1, cryptoFrame(message, 1000, len(message)))
	b.ReportAllocs()
	for b.Loop() {
		var q QUIC
		_, _ = q.Datagram(first)
		if h, status := q.Datagram(second); status != Done || h.Name == "" {
			b.Fatal(status)
		}
	}
}

// A hello in two segments, with all that is kept of a flow.
func BenchmarkReader(b *testing.B) {
	all := clientRecords(b, &tls.Config{ServerName: "www.example.org"})
	p := flow.Packet{Payload: 54, Ref: flow.Ref{Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Dst: flow.MustParseEnd("192.0.2.1:443")}}}
	first, second := append(make([]byte, 54), all[:1400]...), append(make([]byte, 54), all[1400:]...)
	var r Reader
	b.ReportAllocs()
	for b.Loop() {
		p.Ref.ID++
		p.Data, p.Offset = first, 0
		_, _ = r.Packet(&p)
		p.Data, p.Offset = second, 1400
		if _, ok := r.Packet(&p); !ok {
			b.Fatal("no name")
		}
	}
}
