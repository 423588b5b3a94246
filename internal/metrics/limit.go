package metrics

import (
	"net"
	"net/http"
	"sync"
)

// limited is a listener with a bounded number of open connections. A further
// connection replaces one that waits for a request, or else the oldest one. So
// a client that holds connections does not lock Prometheus out.
type limited struct {
	net.Listener
	most int

	mu    sync.Mutex
	conns map[net.Conn]http.ConnState
	order []net.Conn // oldest first
}

func limit(l net.Listener, most int) *limited {
	return &limited{Listener: l, most: most, conns: map[net.Conn]http.ConnState{}}
}

// Accept takes the next connection.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if old := l.enter(c); old != nil {
		_ = old.Close()
	}
	return c, nil
}

// enter registers a connection and returns the one to close.
func (l *limited) enter(c net.Conn) (old net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.order) >= l.most {
		old = l.order[0]
		for _, other := range l.order {
			if l.conns[other] != http.StateActive {
				old = other
				break
			}
		}
		l.remove(old)
	}
	l.order = append(l.order, c)
	l.conns[c] = http.StateNew
	return old
}

// note is a ConnState of [http.Server].
func (l *limited) note(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch _, ok := l.conns[c]; {
	case !ok:
	case state == http.StateClosed || state == http.StateHijacked:
		l.remove(c)
	default:
		l.conns[c] = state
	}
}

func (l *limited) remove(c net.Conn) {
	delete(l.conns, c)
	for i, other := range l.order {
		if other == c {
			l.order = append(l.order[:i], l.order[i+1:]...)
			return
		}
	}
}
