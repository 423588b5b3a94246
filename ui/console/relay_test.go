package console

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay is a listener in memory. What its clients and the server send to each other takes
// as long as over a link of some rate and delay.
type relay struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newRelay() *relay { return &relay{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (r *relay) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

func (r *relay) Close() error {
	r.close.Do(func() { close(r.closed) })
	return nil
}

func (r *relay) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2222} }

// dial returns the client's end of a connection.
func (r *relay) dial() *relayed {
	up, down := newLane(), newLane()
	r.conns <- &relayed{from: up, to: down}
	return &relayed{from: down, to: up}
}

// relayed is one end of a connection.
type relayed struct{ from, to *lane }

// slow makes both directions slow: bytes a second, and half the delay of a round trip each.
func (c *relayed) slow(rate int, roundTrip time.Duration) {
	for _, l := range []*lane{c.from, c.to} {
		l.delay.Store(int64(roundTrip / 2))
		l.rate.Store(int64(rate))
	}
}

func (c *relayed) Read(p []byte) (int, error)  { return c.from.read(p) }
func (c *relayed) Write(p []byte) (int, error) { return c.to.write(p) }

func (c *relayed) Close() error {
	c.from.end()
	c.to.end()
	return nil
}

func (c *relayed) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2222} }

func (c *relayed) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }
func (c *relayed) SetDeadline(time.Time) error      { return nil }
func (c *relayed) SetReadDeadline(time.Time) error  { return nil }
func (c *relayed) SetWriteDeadline(time.Time) error { return nil }

const (
	// laneQueue is how much waits before the slow link, as in the buffers of the kernel
	// and of a modem.
	laneQueue = 64 << 10
	// laneUnit is how many bytes arrive at a time.
	laneUnit = 16
)

// lane is one direction of a connection.
type lane struct {
	rate, delay atomic.Int64
	// delivered counts bytes.
	delivered atomic.Int64

	mu     sync.Mutex
	more   *sync.Cond
	queue  []unit
	queued int
	free   time.Time
	ended  bool
}

// unit are bytes that arrive together.
type unit struct {
	bytes []byte
	at    time.Time
}

func newLane() *lane {
	l := &lane{}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *lane) write(p []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n < len(p) {
		for l.queued > laneQueue && !l.ended {
			l.more.Wait()
		}
		if l.ended {
			return n, io.ErrClosedPipe
		}
		bytes := append([]byte(nil), p[n:min(n+laneUnit, len(p))]...)
		n += len(bytes)
		now := time.Now()
		if l.free.Before(now) {
			l.free = now
		}
		if rate := l.rate.Load(); rate > 0 {
			l.free = l.free.Add(time.Duration(len(bytes)) * time.Second / time.Duration(rate))
		}
		l.queue = append(l.queue, unit{bytes, l.free.Add(time.Duration(l.delay.Load()))})
		l.queued += len(bytes)
		l.more.Broadcast()
	}
	return n, nil
}

func (l *lane) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 {
		if l.ended {
			return 0, io.EOF
		}
		l.more.Wait()
	}
	if wait := time.Until(l.queue[0].at); wait > 0 {
		l.mu.Unlock()
		time.Sleep(wait)
		l.mu.Lock()
	}
	n := copy(p, l.queue[0].bytes)
	l.queue[0].bytes = l.queue[0].bytes[n:]
	if len(l.queue[0].bytes) == 0 {
		l.queue = l.queue[1:]
	}
	l.queued -= n
	l.delivered.Add(int64(n))
	l.more.Broadcast()
	return n, nil
}

func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.more.Broadcast()
}
