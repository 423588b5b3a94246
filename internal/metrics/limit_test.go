package metrics

import (
	"net"
	"net/http"
	"slices"
	"testing"
)

// conn is a connection that notes whether it was closed.
type conn struct {
	net.Conn
	closed bool
}

func (c *conn) Close() error {
	c.closed = true
	return nil
}

// ready is a listener at which one connection after the other waits.
type ready struct {
	net.Listener
	waiting []*conn
}

func (r *ready) Accept() (net.Conn, error) {
	if len(r.waiting) == 0 {
		return nil, net.ErrClosed
	}
	c := r.waiting[0]
	r.waiting = r.waiting[1:]
	return c, nil
}

// TestOldestIdleGoesFirst accepts more connections than there may be, with some at work.
func TestOldestIdleGoesFirst(t *testing.T) {
	all := []*conn{{}, {}, {}, {}, {}, {}, {}}
	l := limit(&ready{waiting: all}, 3)
	accept := func(i int, closed ...int) {
		t.Helper()
		if c, err := l.Accept(); err != nil || c != net.Conn(all[i]) {
			t.Fatalf("accepted %v, error %v", c, err)
		}
		for i, c := range all {
			if c.closed != slices.Contains(closed, i) {
				t.Errorf("connection %d closed: %t", i, c.closed)
			}
		}
	}
	accept(0)
	accept(1)
	accept(2)
	l.note(all[0], http.StateActive)
	accept(3, 1)
	l.note(all[0], http.StateIdle)
	l.note(all[2], http.StateActive)
	l.note(all[3], http.StateActive)
	accept(4, 0, 1)
	l.note(all[4], http.StateActive)
	accept(5, 0, 1, 2) // all are at work: the oldest
	l.note(all[3], http.StateClosed)
	l.note(all[4], http.StateHijacked)
	l.note(all[4], http.StateActive) // of which nobody is told any more
	if len(l.order) != 1 || len(l.conns) != 1 {
		t.Errorf("%d connections in order, %d known", len(l.order), len(l.conns))
	}
	accept(6, 0, 1, 2)
	if _, err := l.Accept(); err == nil {
		t.Error("the listener's error is lost")
	}
}

func TestLocalNames(t *testing.T) {
	for name, want := range map[string]bool{
		"localhost": true, "localhost.": true, "LocalHost:80": true, "127.0.0.1": true, "10.0.0.1:80": true,
		"[::1]:80": true, "[::1]": true, "::1": true, "example": false, "localhost.example": false, "": false,
	} {
		if isLocalName(name) != want {
			t.Errorf("%q is local: %t", name, !want)
		}
	}
	for _, c := range []struct {
		a    net.Addr
		want bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 5)}, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, false},
		{&net.TCPAddr{}, false},
		{&net.UnixAddr{}, false},
	} {
		if isLoopback(c.a) != c.want {
			t.Errorf("%v is loopback: %t", c.a, !c.want)
		}
	}
}
