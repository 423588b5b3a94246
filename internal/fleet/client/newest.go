package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
)

const (
	// unused is how long a lease goes on after somebody has read what came.
	unused = 5 * time.Second
	// outdated is how old a host's message may be. Hosts with large tables publish seldom.
	outdated = 20 * time.Second
	// firstWait is how long the first messages of hosts are waited for.
	firstWait = 3 * time.Second
)

// newest keeps the newest message of every host for a lease, as long as somebody reads it. Its
// methods are safe for concurrent use.
type newest[T any] struct {
	client *Client
	decode func(w fleet.Watch, message []byte) (T, error)
	woken  chan struct{}

	mu    sync.Mutex
	name  string
	watch fleet.Watch
	sub   *nats.Subscription
	// read is when it was read last, changed when it became another lease.
	read, changed time.Time
	hosts         map[string]*message[T]
}

// message is the newest one of a host.
type message[T any] struct {
	at    time.Time
	known bool
	of    T
	pace  pace
}

func newNewest[T any](ctx context.Context, c *Client, decode func(fleet.Watch, []byte) (T, error)) *newest[T] {
	n := &newest[T]{client: c, decode: decode, woken: make(chan struct{}, 1), hosts: map[string]*message[T]{}}
	go n.keep(ctx)
	return n
}

// Read returns the newest message of each host for a lease, and whether those that are there
// have had time to send one.
func (n *newest[T]) Read(w fleet.Watch) (of map[string]T, settled bool) {
	expected := len(n.client.present())
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.read = now
	if name := w.Name(); n.sub == nil || name != n.name {
		n.begin(w, name, now)
	}
	of = map[string]T{}
	for host, m := range n.hosts {
		if m.known && now.Sub(m.at) < outdated {
			of[host] = m.of
		}
	}
	return of, len(of) >= expected && len(of) > 0 || now.Sub(n.changed) > firstWait
}

// begin begins a lease.
func (n *newest[T]) begin(w fleet.Watch, name string, now time.Time) {
	n.end()
	n.name, n.watch, n.changed, n.hosts = name, w, now, map[string]*message[T]{}
	sub, err := n.client.conn.Subscribe(n.client.space.Sums("*", name), func(m *nats.Msg) { n.take(name, w, m) })
	if err == nil {
		err = sub.SetPendingLimits(waiting, waitingBytes)
	}
	if err == nil {
		n.sub = sub
	}
	wake(n.woken)
}

// end ends a lease.
func (n *newest[T]) end() {
	if n.sub != nil {
		_ = n.sub.Unsubscribe() // a closed connection hears nothing anyway
		n.sub = nil
	}
}

// keep renews the lease while it is read, until ctx is done.
func (n *newest[T]) keep(ctx context.Context) {
	tick := time.NewTicker(renew)
	defer tick.Stop()
	for {
		n.mu.Lock()
		if n.sub != nil && time.Since(n.read) > unused {
			n.end()
		}
		wanted, w := n.sub != nil, n.watch
		n.mu.Unlock()
		if wanted {
			n.client.watch(w)
		}
		select {
		case <-ctx.Done():
			n.mu.Lock()
			n.end()
			n.mu.Unlock()
			return
		case <-n.woken:
		case <-tick.C:
		}
	}
}

// watch renews a lease with its key's name, and without, for hosts of earlier versions. A server
// with the permissions of one does not let the former through: it says so until it is asked again
// after a reconnect.
func (c *Client) watch(w fleet.Watch) {
	text := w.Encode()
	if !errors.Is(c.conn.LastError(), nats.ErrPermissionViolation) {
		_ = c.conn.Publish(c.space.WatchOf(c.credentials.Name), text) // the next one follows
	}
	_ = c.conn.Publish(c.space.Watch(), text)
}

// take keeps the newest message of a host, which may not send too many.
func (n *newest[T]) take(name string, w fleet.Watch, m *nats.Msg) {
	host, now := n.client.space.Host(m.Subject), time.Now()
	if !link.Published(m) || fleet.CheckName("a host", host) != nil || !n.admit(name, host, now) {
		return
	}
	of, err := n.decode(w, m.Data)
	if err != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.hosts[host]; known != nil && n.name == name {
		known.at, known.known, known.of = now, true, of
	}
}

// admit reports whether a host may send another message now.
func (n *newest[T]) admit(name, host string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.hosts[host]
	if known == nil {
		if n.name != name || len(n.hosts) >= fleet.MaxHosts {
			return false
		}
		known = &message[T]{}
		n.hosts[host] = known
	}
	return known.pace.permits(now)
}

// pace bounds the messages of a host.
type pace struct {
	left float64
	at   time.Time
}

const (
	// messagesPerSecond is how many messages a host may send, and burst how many at once.
	// Hosts send four a second.
	messagesPerSecond, burst = 8, 16
)

// permits reports whether another message may come now.
func (p *pace) permits(now time.Time) bool {
	if p.at.IsZero() {
		p.left, p.at = burst, now
	}
	p.left, p.at = min(p.left+messagesPerSecond*now.Sub(p.at).Seconds(), burst), now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}
