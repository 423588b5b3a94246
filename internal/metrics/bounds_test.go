package metrics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a listener whose connections are pipes, so that a test's clock rules their
// deadlines.
type piped struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPiped() *piped { return &piped{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *piped) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9100} }

func (p *piped) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// bounded runs a test with a server over pipes, on a clock of its own.
func bounded(t *testing.T, healthy func() error, test func(t *testing.T, p *piped, stop func() time.Duration)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPiped()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		s := New(Options{Source: fake{}, Healthy: healthy, Log: slog.New(slog.DiscardHandler)})
		go func() { done <- s.Serve(ctx, p) }()
		stop := func() time.Duration {
			begin := time.Now()
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return time.Since(begin)
		}
		test(t, p, stop)
	})
}

func healthy() error { return nil }

// ask sends a request and reads the answer.
func ask(t *testing.T, c net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r
}

const scrape = "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n"

// closedAfter returns how long the server leaves a connection open that does nothing.
func closedAfter(c net.Conn) time.Duration {
	begin := time.Now()
	_, _ = io.Copy(io.Discard, c)
	return time.Since(begin)
}

// A client that sends nothing, or half a request, is cut off after five seconds, and one
// that has had an answer after ten.
func TestSlowClients(t *testing.T) {
	bounded(t, healthy, func(t *testing.T, p *piped, stop func() time.Duration) {
		silent := p.dial()
		if took := closedAfter(silent); took != 5*time.Second {
			t.Errorf("a silent client may stay for %s", took)
		}
		half := p.dial()
		_, _ = io.WriteString(half, scrape[:20])
		if took := closedAfter(half); took != 5*time.Second {
			t.Errorf("half a request may take %s", took)
		}
		idle := p.dial()
		if r := ask(t, idle, scrape); r.StatusCode != http.StatusOK {
			t.Errorf("status %d", r.StatusCode)
		}
		if took := closedAfter(idle); took != 10*time.Second {
			t.Errorf("an idle client may stay for %s", took)
		}
		if took := stop(); took != 0 {
			t.Errorf("without clients the end takes %s", took)
		}
	})
}

// Who does not read the answer is cut off after half a minute.
func TestClientThatDoesNotRead(t *testing.T) {
	bounded(t, healthy, func(t *testing.T, p *piped, stop func() time.Duration) {
		c := p.dial()
		_, _ = io.WriteString(c, strings.Replace(scrape, "healthz", "metrics", 1))
		begin := time.Now()
		for one := make([]byte, 1); time.Since(begin) < time.Hour; time.Sleep(time.Second) {
			if _, err := c.Write(one); errors.Is(err, io.ErrClosedPipe) {
				break
			}
		}
		if took := time.Since(begin); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("the answer may take %s", took)
		}
		stop()
	})
}

// The end waits two seconds for an answer.
func TestEndWaits(t *testing.T) {
	var asked, answer chan struct{}
	bounded(t, func() error { close(asked); <-answer; return nil }, func(t *testing.T, p *piped, stop func() time.Duration) {
		asked, answer = make(chan struct{}), make(chan struct{})
		c := p.dial()
		_, _ = io.WriteString(c, scrape)
		<-asked
		if took := stop(); took != 2*time.Second {
			t.Errorf("the end takes %s", took)
		}
		close(answer)
	})
}

// A request line and headers have 16 KiB (and 4 that net/http adds).
func TestLongHeaders(t *testing.T) {
	bounded(t, healthy, func(t *testing.T, p *piped, stop func() time.Duration) {
		for length, want := range map[int]int{19 << 10: http.StatusOK, 21 << 10: http.StatusRequestHeaderFieldsTooLarge} {
			c := p.dial()
			go func() {
				_, _ = io.WriteString(c, strings.TrimSuffix(scrape, "\r\n")+"X: "+strings.Repeat("x", length)+"\r\n\r\n")
			}()
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || r.StatusCode != want {
				t.Errorf("%d bytes: %v, %v", length, r, err)
			}
			_ = c.Close()
		}
		stop()
	})
}
