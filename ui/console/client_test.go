package console

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// silentConn is a connection that takes everything and counts how often it is closed.
type silentConn struct {
	net.Conn
	closed int
	fault  error
}

func (c *silentConn) Read([]byte) (int, error)  { return 0, c.fault }
func (c *silentConn) Write([]byte) (int, error) { return 0, c.fault }
func (c *silentConn) Close() error              { c.closed++; return nil }

// newTestClient returns a connection that has not authenticated.
func newTestClient(t *testing.T, l Limits) (*client, *silentConn) {
	t.Helper()
	s := &Server{clock: time.Now, clients: map[*client]struct{}{}, gate: newGate(l.withDefaults(), time.Now)}
	s.options.Limits = l.withDefaults()
	conn := &silentConn{fault: io.EOF}
	c := &client{Conn: conn, server: s, addr: netip.MustParseAddr("192.0.2.1")}
	if err := s.gate.enter(c.addr, c); !s.register(c) || err != nil {
		t.Fatal(err)
	}
	return c, conn
}

// A connection without a session is closed after a while: from when it authenticated, and
// from when its last session ended.
func TestLonelyConnections(t *testing.T) {
	const limit = 10 * time.Second
	for what, c := range map[string]struct {
		steps func(c *client, wait func())
		end   int // in halves of the limit, from the last step
	}{
		"no session":       {func(*client, func()) {}, 2},
		"a session":        {func(c *client, _ func()) { c.opened() }, 0},
		"one that ended":   {func(c *client, wait func()) { c.opened(); wait(); wait(); wait(); c.ended() }, 2},
		"one of two ended": {func(c *client, wait func()) { c.opened(); c.opened(); wait(); c.ended() }, 0},
		"both ended":       {func(c *client, wait func()) { c.opened(); c.opened(); c.ended(); wait(); c.ended() }, 2},
		"one after another": {func(c *client, wait func()) {
			c.opened()
			c.ended()
			wait()
			c.opened()
			wait()
		}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c1, conn := newTestClient(t, Limits{Handshake: limit})
			c1.authenticated()
			c1.authenticated() // it counts once
			c.steps(c1, func() { time.Sleep(limit / 2) })
			closed := 0
			for half := 1; half <= 8; half++ {
				time.Sleep(limit/2 - time.Nanosecond)
				synctest.Wait()
				if conn.closed > 0 {
					t.Fatalf("%s: closed too soon", what)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if conn.closed > 0 {
					closed = half
					break
				}
			}
			if closed != c.end {
				t.Errorf("%s: closed after %d halves, want %d", what, closed, c.end)
			}
			connections := c1.server.counters.connections.Load()
			if want := int64(1); c.end > 0 && connections != 0 || c.end == 0 && connections != want {
				t.Errorf("%s: %d connections", what, connections)
			}
			_ = c1.Close()
			_ = c1.Close()
			if conn.closed != 1 || c1.server.counters.connections.Load() != 0 || len(c1.server.clients) != 0 {
				t.Errorf("%s: closed %d times, %d connections", what, conn.closed, c1.server.counters.connections.Load())
			}
		})
	}
}

// A connection that ends before it authenticated has failed, but for one that gave its place
// to another, and its address is blamed if it said something.
func TestEndsBeforeAuthentication(t *testing.T) {
	for what, c := range map[string]struct {
		before          func(*client)
		failed, dropped uint64
		blamed          int
	}{
		"silent":        {func(*client) {}, 1, 0, 0},
		"speaking":      {func(c *client) { c.came.Store(int32(speaking)) }, 1, 0, 1},
		"dropped":       {func(c *client) { c.came.Store(int32(speaking)); c.drop() }, 0, 1, 0},
		"authenticated": {func(c *client) { c.authenticated(); c.drop() }, 0, 0, 0},
	} {
		c1, conn := newTestClient(t, Limits{})
		c.before(c1)
		_ = c1.Close()
		n := &c1.server.counters
		if n.failed.Load() != c.failed || n.dropped.Load() != c.dropped || conn.closed != 1 || c1.server.gate.failuresOf(sourceOf(c1.addr)) != c.blamed || c1.server.gate.waiting() != 0 {
			t.Errorf("%s: %d failed, %d dropped, %d blamed, closed %d times", what, n.failed.Load(), n.dropped.Load(), c1.server.gate.failuresOf(sourceOf(c1.addr)), conn.closed)
		}
		c1.authenticated() // too late
		if c1.authentic() != (what == "authenticated") || n.connections.Load() != 0 {
			t.Errorf("%s: it is authenticated after its end", what)
		}
	}
}

// A connection that the kernel gave up is counted once, and only if it had authenticated.
// What ends otherwise is not lost.
func TestLostConnections(t *testing.T) {
	for _, c := range []struct {
		fault error
		lost  bool
	}{
		{unix.ETIMEDOUT, true},
		{unix.EHOSTUNREACH, true},
		{unix.ENETUNREACH, true},
		{&net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, true},
		{unix.ECONNRESET, false},
		{io.EOF, false},
		{nil, false},
		{errors.New("other"), false},
	} {
		for _, in := range []bool{false, true} {
			c1, conn := newTestClient(t, Limits{})
			if in {
				c1.authenticated()
			}
			conn.fault = c.fault
			for range 2 {
				_, _ = c1.Read(make([]byte, 1))
				_, _ = c1.Write([]byte("x"))
			}
			want := uint64(0)
			if c.lost && in {
				want = 1
			}
			if (c1.lost() != nil) != c.lost || c1.server.counters.stalled.Load() != want {
				t.Errorf("%v, authenticated %t: lost %v, counted %d times", c.fault, in, c1.lost(), c1.server.counters.stalled.Load())
			}
			_ = c1.Close()
		}
	}
}

// The kernel's options of a connection are those that were asked for, and it says what waits.
func TestOptionsOfTheKernel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	limitSilence(conn, 42*time.Second)
	limitQueue(conn, 20_000)
	option := func(level, name int) (n int) {
		control(conn, func(fd int) { n, _ = unix.GetsockoptInt(fd, level, name) })
		return n
	}
	if n := option(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); n != 42_000 {
		t.Errorf("given up after %d ms", n)
	}
	if n := option(unix.SOL_SOCKET, unix.SO_SNDBUF); n != 40_000 {
		t.Errorf("a queue of %d bytes", n)
	}
	if n := queued(conn); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = conn.Write(make([]byte, 32<<20)) // the peer reads nothing
	}()
	for deadline := time.Now().Add(waitTimeout); queued(conn) < 4096; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes wait", queued(conn))
		}
	}
	_ = conn.Close()
	<-written
	here, _ := net.Pipe()
	limitSilence(here, time.Second)
	if queued(here) != 0 {
		t.Error("bytes wait in a pipe")
	}
	mapped := &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}
	if addressOf(mapped) != netip.MustParseAddr("192.0.2.1") || addressOf(here.RemoteAddr()).IsValid() {
		t.Errorf("%s, %s", addressOf(mapped), addressOf(here.RemoteAddr()))
	}
}

// Only the first refused request of a connection is logged.
func TestFirstRefusal(t *testing.T) {
	c, _ := newTestClient(t, Limits{})
	if !c.firstRefusal() || c.firstRefusal() || c.firstRefusal() {
		t.Error("the second refusal is the first one")
	}
}
