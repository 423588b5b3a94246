package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// tcpPair returns the ends of a TCP connection on this machine.
func tcpPair(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// Each way to end a visit ends it on the side and in the manner that it names.
func TestWaysToEndAVisit(t *testing.T) {
	const size = 1001
	for how, c := range map[byte]struct {
		waits          bool // the server, for the client
		client, server error
	}{
		closeByClient: {waits: true}, closeByServer: {}, resetByServer: {client: syscall.ECONNRESET},
		resetByClient: {waits: true, server: syscall.ECONNRESET},
	} {
		client, server := tcpPair(t)
		served := make(chan error, 1)
		go func() {
			err := serveWeb(t.Context(), server)
			_ = server.Close()
			served <- err
		}()
		if _, err := client.Write(binary.BigEndian.AppendUint32([]byte{how}, size)); err != nil {
			t.Fatal(err)
		}
		if err := finishVisit(t.Context(), client, how, size); !errors.Is(err, c.client) || c.client == nil && err != nil {
			t.Errorf("%c: the client ends with %v", how, err)
		}
		if c.waits && len(served) > 0 {
			t.Errorf("%c: the server did not wait", how)
		}
		_ = client.Close()
		if err := <-served; !errors.Is(err, c.server) || c.server == nil && err != nil {
			t.Errorf("%c: the server ends with %v", how, err)
		}
	}
}

// An answer is as long as the request says, up to a bound, and half a request has none.
func TestWebAnswers(t *testing.T) {
	for asked, want := range map[uint32]int{0: 0, 1: 1, 70_000: 70_000, 1 << 20: 1 << 20, 1<<20 + 1: 1 << 20} {
		client, server := tcpPair(t)
		go func() {
			_ = serveWeb(t.Context(), server)
			_ = server.Close()
		}()
		if _, err := client.Write(binary.BigEndian.AppendUint32([]byte{closeByServer}, asked)); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(client); err != nil || len(answer) != want {
			t.Errorf("%d bytes of %d: %v", len(answer), asked, err)
		}
	}
	client, server := tcpPair(t)
	_, _ = client.Write([]byte("half"))
	_ = client.CloseWrite()
	if err := serveWeb(t.Context(), server); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a request: %v", err)
	}
}

// A server that closes its half still takes what the client sends, until that closes, too.
func TestServerHalfClose(t *testing.T) {
	client, server := tcpPair(t)
	ended := make(chan error, 1)
	go func() { ended <- finishWeb(server, halfCloseByServer) }()
	if answer, err := io.ReadAll(client); err != nil || len(answer) != 0 {
		t.Errorf("%d bytes, %v", len(answer), err)
	}
	if _, err := client.Write([]byte("more")); err != nil {
		t.Error(err)
	}
	_ = client.CloseWrite()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A connection that trickles sends twice a second for as long as it should, or until its
// context ends.
func TestTrickle(t *testing.T) {
	for _, c := range []struct {
		length, until time.Duration
		writes        int
		ends          bool
	}{{lingering, time.Minute, 16, false}, {time.Second, time.Minute, 2, false}, {time.Minute, 1200 * time.Millisecond, 3, true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.until)
			defer cancel()
			s := &steps{most: 1000}
			err := trickle(ctx, deadlines{s}, c.length)
			if len(s.sizes) != c.writes || slices.Min(s.sizes) != 100 || slices.Max(s.sizes) != 100 || (err != nil) != c.ends {
				t.Errorf("%s: %v, %v", c.length, s.sizes, err)
			}
		})
	}
	if err := trickle(t.Context(), deadlines{&steps{}}, time.Minute); !errors.Is(err, errEnough) {
		t.Error(err)
	}
}

// deadlines takes deadlines.
type deadlines struct{ *steps }

func (deadlines) SetDeadline(time.Time) error { return nil }

// What is sent at a rate has that rate, and does not catch up after a pause.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{most: 10_000}
		begun := time.Now()
		if err := sendPaced(t.Context(), s, 8_000_000, 10*time.Second); err != nil {
			t.Error(err)
		}
		sum := 0
		for _, n := range s.sizes {
			sum += n
		}
		if took := time.Since(begun); sum != 10_000_000 || took < 9900*time.Millisecond || took > 10*time.Second {
			t.Errorf("%d bytes in %s", sum, took)
		}
		slow := &stuck{steps: &steps{most: 10_000}, at: 100}
		if err := sendPaced(t.Context(), slow, 8_000_000, 10*time.Second); err != nil || len(slow.sizes) > 800 || len(slow.sizes) < 650 {
			t.Errorf("%d steps in 10 s of which it was stuck for three: %v", len(slow.sizes), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := sendPaced(ctx, &steps{most: 10_000}, 8_000_000, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// stuck takes nothing for three seconds, once.
type stuck struct {
	*steps
	at int
}

func (s *stuck) Write(p []byte) (int, error) {
	if len(s.sizes) == s.at {
		time.Sleep(3 * time.Second)
	}
	return s.steps.Write(p)
}

// A chat echoes each line, and ends when nobody says anything.
func TestChatEchoes(t *testing.T) {
	client, server := tcpPair(t)
	ended := make(chan error, 1)
	go func() { ended <- serveChat(t.Context(), server) }()
	for _, line := range []string{"a\n", strings.Repeat("x", 1000) + "\n", "\n"} {
		if _, err := client.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(client, got); err != nil || string(got) != line {
			t.Errorf("%q, %v", got, err)
		}
	}
	_ = client.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Acts go over all pairs of addresses of a family in turn, at about their pace, and no more
// than 64 of those that are started at a rate at a time.
func TestActsAreRepeated(t *testing.T) {
	a := netip.MustParseAddr
	paths := pairs([]netip.Addr{a("10.0.0.1"), a("10.0.0.2")}, []netip.Addr{a("10.0.0.8"), a("10.0.0.9")})
	if len(paths) != 4 || paths[1] != (path{a("10.0.0.1"), a("10.0.0.9")}) || paths[2].target(7) != "10.0.0.8:7" {
		t.Fatalf("%v", paths)
	}
	if got := rotate(paths, 1); !slices.Equal(got, []path{paths[1], paths[2], paths[3], paths[0]}) {
		t.Errorf("%v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []path
		var most, now int
		do := func(length time.Duration) act {
			return func(ctx context.Context, p path) error {
				mu.Lock()
				seen, now = append(seen, p), now+1
				most = max(most, now)
				mu.Unlock()
				pause(ctx, length)
				mu.Lock()
				defer mu.Unlock()
				now--
				return errors.New("it fails each time")
			}
		}
		run := func(start func(*traffic, context.Context)) int {
			seen, most, now = nil, 0, 0
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
			defer cancel()
			tr := new(traffic)
			start(tr, ctx)
			tr.group.Wait()
			return len(seen)
		}
		if n := run(func(tr *traffic, ctx context.Context) { tr.repeat(ctx, time.Second, paths, do(0)) }); n < 80 || n > 120 || !slices.Equal(seen[:4], paths) || seen[4] != paths[0] || most != 1 {
			t.Errorf("%d acts in 100 s, %d at a time, first %v", n, most, seen[:5])
		}
		if n := run(func(tr *traffic, ctx context.Context) { tr.repeatAtRate(ctx, 10, paths, do(0)) }); n < 850 || n > 1150 || most != 1 {
			t.Errorf("%d acts in 100 s, %d at a time", n, most)
		}
		for _, p := range paths {
			if !slices.Contains(seen, p) {
				t.Errorf("never from %s to %s", p.from, p.to)
			}
		}
		if n := run(func(tr *traffic, ctx context.Context) { tr.repeatAtRate(ctx, 10, paths, do(time.Hour)) }); n != 64 || most != 64 {
			t.Errorf("%d acts that last, %d at a time", n, most)
		}
		if n := run(func(tr *traffic, ctx context.Context) {
			tr.repeat(ctx, time.Second, nil, do(0))
			tr.repeatAtRate(ctx, 1, nil, do(0))
		}); n != 0 {
			t.Errorf("%d acts on no path", n)
		}
	})
	least, most := time.Hour, time.Duration(0)
	for range 10_000 {
		d := about(time.Second)
		least, most = min(least, d), max(most, d)
	}
	if least < time.Second/2 || least > 520*time.Millisecond || most > 3*time.Second/2 || most < 1480*time.Millisecond {
		t.Errorf("about a second is %s to %s", least, most)
	}
	if got, want := (TrafficOptions{}).withDefaults(), (TrafficOptions{Rate: 40_000_000, Chats: 4, Short: 4}); got != want {
		t.Errorf("%+v", got)
	}
	if got := (TrafficOptions{Rate: -1, Chats: -1, Short: 2}).withDefaults(); got.Rate != -1 || got.Chats != -1 || got.Short != 2 {
		t.Errorf("%+v", got)
	}
}

// Requests on one connection are answered one after the other, and one that fails is made on
// a new connection the next time.
func TestAsking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn
			go func() {
				for answerOne(conn, nil) == nil {
					continue
				}
			}()
		}
	}()
	askOnce := asker(ctx, listener.Addr().String(), 300)
	askOnce()
	askOnce()
	if n := len(accepted); n != 1 {
		t.Errorf("%d connections for two requests", n)
	}
	_ = (<-accepted).Close()
	askOnce() // finds the connection closed
	askOnce()
	if n := len(accepted); n != 1 {
		t.Errorf("%d new connections after one was closed", n)
	}
	visitOnce(ctx, dialTo(listener.Addr().String()), 3, 100, time.Millisecond)
	if n := len(accepted); n != 2 {
		t.Errorf("%d connections after a visit", n)
	}
	cancel() // ends the listener, too
	for range accepted {
		continue
	}
	asker(t.Context(), listener.Addr().String(), 1)() // nobody is there
}

// A server closes a connection after the last request, and all connections when it ends.
func TestServerCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- answerOn(ctx, listener, nil) }()
	connect := func() *net.TCPConn {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := ask(conn, 100); err != nil {
			t.Fatal(err)
		}
		return conn.(*net.TCPConn)
	}
	done, waits := connect(), connect()
	if err := done.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := done.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the last request: %d bytes, %v", n, err)
	}
	cancel()
	if n, err := waits.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the server: %d bytes, %v", n, err)
	}
	if err := <-ended; err == nil {
		t.Error("the server ended without a reason")
	}
}
