package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"charm.land/ssh"
	"golang.org/x/sys/unix"
)

// clientKey is the key of the client in a connection's context.
type clientKey struct{}

// client is a connection. Closing it releases its places.
type client struct {
	net.Conn
	server *Server
	addr   netip.Addr

	// rejected counts the keys that were refused. Only the goroutine that
	// authenticates the connection uses it.
	rejected int
	// came is the connection's progress.
	came atomic.Int32

	// loss is the error of a connection that neither end closed.
	loss atomic.Pointer[error]
	// stalled is set once the connection was counted as cut off.
	stalled atomic.Bool

	mu       sync.Mutex
	in       bool // authenticated
	closed   bool
	dropped  bool
	refused  bool
	sessions int
	// lonely closes a connection without a session.
	lonely *time.Timer
}

// admit accepts a new connection, or refuses it and returns nil.
func (s *Server) admit(ctx ssh.Context, conn net.Conn) net.Conn {
	addr := addressOf(conn.RemoteAddr())
	c := &client{Conn: conn, server: s, addr: addr}
	if !s.register(c) {
		s.turnAway(conn, errStopping)
		return nil
	}
	if err := s.gate.enter(addr, c); err != nil {
		s.unregister(c)
		s.counters.refused.Add(1)
		s.turnAway(conn, err)
		return nil
	}
	s.counters.accepted.Add(1)
	limitSilence(conn, 2*s.options.Limits.Stall) // sessions are ended sooner
	ctx.SetValue(clientKey{}, c)
	return c
}

// remote is the address of a client. It also leads back to the client, because the
// library wraps the connection.
type remote struct {
	net.Addr
	client *client
}

// RemoteAddr returns the client's address.
func (c *client) RemoteAddr() net.Addr { return remote{c.Conn.RemoteAddr(), c} }

// Read reads from the client and notes that it sent something.
func (c *client) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.came.CompareAndSwap(int32(silent), int32(speaking))
	}
	c.noteLoss(err)
	return n, err
}

// Write writes to the client.
func (c *client) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.noteLoss(err)
	return n, err
}

// noteLoss keeps the error with which the kernel gave the connection up, and counts
// it once, whether a read or a write returned it.
func (c *client) noteLoss(err error) {
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != unix.ETIMEDOUT && errno != unix.EHOSTUNREACH && errno != unix.ENETUNREACH {
		return
	}
	if err = errno; c.loss.CompareAndSwap(nil, &err) && c.authentic() {
		c.countStall()
	}
}

// countStall counts once that the client stopped reading.
func (c *client) countStall() {
	if c.stalled.CompareAndSwap(false, true) {
		c.server.counters.stalled.Add(1)
	}
}

func (c *client) lost() error {
	if err := c.loss.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *client) authentic() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in
}

func (c *client) progress() progress { return progress(c.came.Load()) }

// drop closes a connection that has not authenticated, to give its place to another
// one.
func (c *client) drop() {
	c.mu.Lock()
	c.dropped = !c.in
	c.mu.Unlock()
	if c.wasDropped() {
		_ = c.Close()
	}
}

func (c *client) wasDropped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// limitSilence makes the kernel give up a peer that stops acknowledging. Writes would
// only notice it once every buffer is full.
func limitSilence(conn net.Conn, d time.Duration) {
	setOption(conn, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}

// consoleQueue is how much may wait in the kernel for the client of a console, about
// two screens. With the kernel's default of megabytes, an operator on a slow link
// would see screens that are minutes old.
const consoleQueue = 16 << 10

// limitQueue limits the kernel's send buffer. The kernel doubles the value for its
// own use.
func limitQueue(conn net.Conn, bytes int) {
	setOption(conn, unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
}

// queued returns how many bytes wait in the kernel until the client has taken them, or 0 if
// that is not known.
func queued(conn net.Conn) (n int) {
	control(conn, func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ) }) // an error leaves 0
	return n
}

func setOption(conn net.Conn, level, option, value int) {
	control(conn, func(fd int) { _ = unix.SetsockoptInt(fd, level, option, value) })
}

// control calls a function with the descriptor of a TCP connection.
func control(conn net.Conn, f func(fd int)) {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) })
}

const (
	// mostFarewells is how many refused connections at a time are told the reason.
	mostFarewells = 32
	farewellTime  = 300 * time.Millisecond
)

// turnAway sends the reason as a line before the version exchange (RFC 4253 section
// 4.2) and waits a moment until the client has read it: closing a connection with
// unread data resets it, and the line would be lost.
func (s *Server) turnAway(conn net.Conn, why error) {
	select {
	case s.farewells <- struct{}{}:
		defer func() { <-s.farewells }()
	default:
		return
	}
	_ = conn.SetDeadline(s.clock().Add(farewellTime))
	if _, err := fmt.Fprintf(conn, "ctop: %v\r\n", why); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	var rest [512]byte
	for range 4 {
		if _, err := conn.Read(rest[:]); err != nil {
			return
		}
	}
}

// authenticated releases the connection's place among those that log in.
func (c *client) authenticated() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in || c.closed {
		return
	}
	c.in = true
	c.server.gate.leave(c)
	c.server.gate.know(c.addr)
	c.server.counters.connections.Add(1)
	c.lonely = time.AfterFunc(c.server.options.Limits.Handshake, func() { _ = c.Close() })
}

// opened and ended count the connection's sessions.
func (c *client) opened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions++
	if c.lonely != nil {
		c.lonely.Stop()
	}
}

func (c *client) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions--; c.sessions == 0 && c.lonely != nil && !c.closed {
		c.lonely.Reset(c.server.options.Limits.Handshake)
	}
}

// Close closes the connection. It may be called more than once.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	s := c.server
	s.unregister(c)
	if c.in {
		s.counters.connections.Add(-1)
		c.lonely.Stop()
	} else {
		s.gate.leave(c)
		c.countEnd()
	}
	return c.Conn.Close()
}

// countEnd counts a connection that ends before it has authenticated. If it sent
// nothing, it does not count as a failure of its address.
func (c *client) countEnd() {
	s := c.server
	if c.dropped {
		s.counters.dropped.Add(1)
		return
	}
	s.counters.failed.Add(1)
	if c.progress() != silent {
		s.gate.fail(c.addr)
	}
}

// firstRefusal reports whether this is the first refusal of a request of this
// connection. Only that one is logged.
func (c *client) firstRefusal() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.refused
	c.refused = true
	return first
}
