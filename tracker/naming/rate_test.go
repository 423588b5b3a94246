package naming_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/naming"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// reader reads names from the programs of a tracker of its own, until stop.
func reader(t testing.TB) (k *kernel.Objects, book *naming.Book, stop func()) {
	t.Helper()
	k = load(t)
	table, err := kernel.NewTable(k)
	must(t, err)
	must(t, table.Configure(flow.PolicyObserve, flow.DefaultTimeouts()))
	captures := kernel.NewCaptures(table, func(uint32) (func(), bool) { return func() {}, true })
	source, err := captures.Begin(kernel.CaptureOptions{Snap: naming.Snap, Rate: naming.Rate, Rules: naming.Rules(), Hellos: true})
	must(t, err)
	book = naming.NewBook(table.Places())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- book.Run(ctx, source) }()
	return k, book, func() {
		cancel()
		must(t, <-done)
		source.Close()
	}
}

func load(t testing.TB) *kernel.Objects {
	t.Helper()
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: 1 << 16})
	must(t, err)
	t.Cleanup(k.Close)
	return k
}

// waitForAll waits until each of n hellos has a name or is counted as lost.
func waitForAll(t testing.TB, book *naming.Book, n uint64) {
	t.Helper()
	s := book.Status()
	for deadline := time.Now().Add(time.Minute); s.Named+s.Lost() < n; s = book.Status() {
		if time.Now().After(deadline) {
			t.Fatalf("%d named and %d lost of %d: %+v", s.Named, s.Lost(), n, s)
		}
		time.Sleep(time.Millisecond)
	}
}

// Of 40,000 connections as fast as one processor gives them to the programs, each with a
// post-quantum hello in two segments, each hello has a name or is counted as lost.
func TestRate(t *testing.T) {
	const n = 40_000
	k, book, stop := reader(t)
	lab.OnOneProcessor(t) // as receive-side scaling does with a flow
	hello := firstBytes(t)
	for i := range n {
		connect(t, k.XDP(), i, hello)
	}
	waitForAll(t, book, n)
	stop()
	if s := book.Status(); s.Named == 0 {
		t.Errorf("no hello was named: %+v", s)
	}
}

// BenchmarkRate measures the processor time of a connection with a hello, that of the calls
// that give the programs its packets included: without names, and with them until each
// hello has a name.
func BenchmarkRate(b *testing.B) {
	b.Run("unnamed", func(b *testing.B) {
		k := load(b)
		benchmarkRate(b, k, func() {})
	})
	b.Run("named", func(b *testing.B) {
		k, book, stop := reader(b)
		defer stop()
		benchmarkRate(b, k, func() { waitForAll(b, book, uint64(b.N)) })
	})
}

func benchmarkRate(b *testing.B, k *kernel.Objects, wait func()) {
	lab.OnOneProcessor(b)
	hello := firstBytes(b)
	before := processorTime(b)
	for i := range b.N {
		connect(b, k.XDP(), i, hello)
	}
	wait()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// connect gives the program the packets of a connection up to its hello, and the first of
// the server's data.
func connect(t testing.TB, p *ebpf.Program, n int, hello []byte) {
	t.Helper()
	client := netip.AddrFrom4([4]byte{10, 1, byte(n >> 16), byte(n >> 8)})
	server := netip.AddrFrom4([4]byte{10, 2, 0, byte(n)})
	send := func(src, dst netip.Addr, s frame.Segment, text []byte) {
		s.Window, s.Payload = 60000, len(text)
		l4 := s.Bytes()
		copy(l4[len(l4)-len(text):], text)
		if _, err := p.Run(&ebpf.RunOptions{Data: frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: l4}.Bytes()}); err != nil {
			t.Fatal(err)
		}
	}
	const cut = 1400
	there, back := frame.Segment{Sport: 40000, Dport: 443, Seq: 1000, Flags: frame.SYN}, frame.Segment{Sport: 443, Dport: 40000, Seq: 5000, Ack: 1001, Flags: frame.SYN | frame.ACK}
	send(client, server, there, nil)
	send(server, client, back, nil)
	there.Flags, there.Seq, there.Ack = frame.ACK, 1001, 5001
	send(client, server, there, nil)
	send(client, server, there, hello[:cut])
	there.Seq += cut
	send(client, server, there, hello[cut:])
	back.Flags, back.Seq, back.Ack = frame.ACK, 5001, 1001+uint32(len(hello))
	send(server, client, back, []byte("\x16\x03\x03\x00\x7a"))
}

// firstBytes returns the hello of Go's client.
func firstBytes(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: "www.example.org"}).Handshake()
		near.Close()
	}()
	defer far.Close()
	b, n := make([]byte, 4096), 0
	for n < 5 || n < 5+int(binary.BigEndian.Uint16(b[3:])) {
		more, err := far.Read(b[n:])
		must(t, err)
		n += more
	}
	return b[:n]
}

// processorTime returns the processor time of this process.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
