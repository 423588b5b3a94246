package console

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// inMemory tests a server whose connections are in memory, by a simulated clock: a busy
// machine changes nothing.
func inMemory(t *testing.T, l Limits, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, l, newRelay())
		test(t, r)
		r.stop()
	})
}

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

// Close ends both directions. The other end still reads what was sent to it.
func (c *relayed) Close() error {
	c.from.end(true)
	c.to.end(false)
	return nil
}

func (c *relayed) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2222} }

func (c *relayed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

// SetDeadline bounds reads: a write waits only for the other end's.
func (c *relayed) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *relayed) SetReadDeadline(t time.Time) error {
	c.from.until(t)
	return nil
}

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
	// late is set from the deadline of reads on.
	late     bool
	deadline *time.Timer
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
		if l.late {
			return 0, os.ErrDeadlineExceeded
		}
		l.more.Wait()
	}
	if wait := time.Until(l.queue[0].at); wait > 0 {
		l.mu.Unlock()
		time.Sleep(wait)
		l.mu.Lock()
		if len(l.queue) == 0 {
			return 0, io.EOF
		}
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

// until lets reads wait until a time, or without end if it is zero.
func (l *lane) until(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deadline != nil {
		l.deadline.Stop()
	}
	if l.late = false; t.IsZero() {
		return
	}
	l.deadline = time.AfterFunc(time.Until(t), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.late = true
		l.more.Broadcast()
	})
}

// end ends a direction, and forgets what is on the way if nobody reads it any more.
func (l *lane) end(forget bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deadline != nil {
		l.deadline.Stop()
	}
	if forget {
		l.queue, l.queued = nil, 0
	}
	l.ended = true
	l.more.Broadcast()
}
