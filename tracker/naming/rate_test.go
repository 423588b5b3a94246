package naming_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
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

const (
	// perSecond hellos have to take less than a core.
	perSecond = 20_000
	seconds   = 2
)

// TestRate gives the programs 20,000 connections a second, each with a post-quantum hello in
// two segments. All of it, the programs, the test's own calls and the reading of names, takes
// less than a core, and each hello has a name or is counted as lost. A machine that does other
// things, too, takes longer for everything: there it is compared with the same without names.
func TestRate(t *testing.T) {
	lab.Require(t)
	k, table := load(t)
	unnamed, _ := load(t)
	captures := kernel.NewCaptures(table, func(uint32) (func(), bool) { return func() {}, true })
	source, err := captures.Begin(kernel.CaptureOptions{Snap: naming.Snap, Rate: naming.Rate, Rules: naming.Rules(), Hellos: true})
	must(t, err)
	book := naming.NewBook(table.Places())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- book.Run(ctx, source) }()
	onOneProcessor(t)

	hello := firstBytes(t)
	const part, times = perSecond / 10, 2.5
	var took, without time.Duration
	s := book.Status()
	deadline := time.Now().Add(5 * time.Minute)
	for first := 0; first < perSecond*seconds; first += part {
		took += processorTimeOf(t, func() {
			connectAll(t, k, first, part, hello)
			for s = book.Status(); s.Named+s.Lost() < uint64(first+part) && time.Now().Before(deadline); s = book.Status() {
				time.Sleep(5 * time.Millisecond)
			}
		})
		without += processorTimeOf(t, func() { connectAll(t, unnamed, first, part, hello) })
	}
	cancel()
	must(t, <-done)
	source.Close()
	t.Logf("%d connections: %.1f µs each of processor time, %.1f without names, %.2f of a core at %d a second; %+v", perSecond*seconds,
		float64(took.Microseconds())/perSecond/seconds, float64(without.Microseconds())/perSecond/seconds, took.Seconds()/seconds, perSecond, s)
	if took > max(seconds*time.Second, time.Duration(times*float64(without))) {
		t.Errorf("%v of processor time for %d s of traffic, %v without names", took, seconds, without)
	}
	if s.Named+s.Lost() < perSecond*seconds {
		t.Errorf("%d named and %d lost of %d", s.Named, s.Lost(), perSecond*seconds)
	}
}

// load loads the programs, with a table of their own.
func load(t *testing.T) (*kernel.Objects, *kernel.Table) {
	t.Helper()
	k, err := kernel.Load(kernel.Options{MaxFlows: 1 << 16})
	must(t, err)
	t.Cleanup(k.Close)
	table, err := kernel.NewTable(k)
	must(t, err)
	must(t, table.Configure(flow.PolicyObserve, flow.DefaultTimeouts()))
	return k, table
}

// connectAll gives the programs some connections, at most perSecond a second.
func connectAll(t *testing.T, k *kernel.Objects, first, count int, hello []byte) {
	t.Helper()
	began := time.Now()
	for i := range count {
		connect(t, k.XDP(), first+i, hello)
		if ahead := time.Duration(i)*time.Second/perSecond - time.Since(began); ahead > 5*time.Millisecond {
			time.Sleep(ahead)
		}
	}
}

// connect gives the program the packets of a connection up to its hello, and the first of
// the server's data.
func connect(t *testing.T, p *ebpf.Program, n int, hello []byte) {
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
func firstBytes(t *testing.T) []byte {
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

// onOneProcessor keeps the caller on a processor, as receive-side scaling does with a flow.
func onOneProcessor(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	var before, one unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &before))
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	must(t, unix.SchedSetaffinity(0, &one))
	t.Cleanup(func() {
		must(t, unix.SchedSetaffinity(0, &before))
		runtime.UnlockOSThread()
	})
}

// processorTime returns the processor time of this process.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processorTimeOf returns the processor time that the process takes while f runs.
func processorTimeOf(t *testing.T, f func()) time.Duration {
	t.Helper()
	before := processorTime(t)
	f()
	return processorTime(t) - before
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
