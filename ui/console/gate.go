package console

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	// failureWindow is the time in which failures are counted.
	failureWindow = time.Minute
	// mostAddresses bounds what is remembered. Where more than that fail in
	// a minute, the oldest are forgotten: the limit on all of them together
	// still holds.
	mostAddresses = 10_000
)

// gate lets connections in that have not authenticated yet, a few at a time.
type gate struct {
	limits Limits
	clock  func() time.Time

	mu       sync.Mutex
	waiting  int
	from     map[netip.Prefix]int
	failures map[netip.Prefix]*failed
}

type failed struct {
	count int
	since time.Time
}

func newGate(l Limits, clock func() time.Time) *gate {
	return &gate{
		limits: l, clock: clock,
		from: map[netip.Prefix]int{}, failures: map[netip.Prefix]*failed{},
	}
}

// household is who shares an address: a host of IPv4, a network of IPv6, where
// a single host has as many addresses as it likes.
func household(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// enter takes a place for a connection, or says why there is none.
func (g *gate) enter(a netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := household(a)
	if f := g.failures[h]; f != nil && g.clock().Sub(f.since) < failureWindow && f.count >= g.limits.FailuresPerAddress {
		return fmt.Errorf("too many connections from %s failed: try again in a minute", a)
	}
	if g.from[h] >= g.limits.StartupsPerAddress {
		return fmt.Errorf("too many connections from %s are still logging in: try again in a moment", a)
	}
	if g.waiting >= g.limits.Startups {
		return fmt.Errorf("too many connections are still logging in: try again in a moment")
	}
	g.waiting++
	g.from[h]++
	return nil
}

// leave gives the place back.
func (g *gate) leave(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := household(a)
	g.waiting--
	if g.from[h]--; g.from[h] <= 0 {
		delete(g.from, h)
	}
}

// fail counts a connection that came to nothing.
func (g *gate) fail(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, now := household(a), g.clock()
	f := g.failures[h]
	if f == nil || now.Sub(f.since) >= failureWindow {
		g.forget(now)
		f = &failed{since: now}
		g.failures[h] = f
	}
	f.count++
}

// forget keeps the failures from growing without bound.
func (g *gate) forget(now time.Time) {
	if len(g.failures) < mostAddresses {
		return
	}
	for h, f := range g.failures {
		if now.Sub(f.since) >= failureWindow {
			delete(g.failures, h)
		}
	}
	if len(g.failures) >= mostAddresses {
		clear(g.failures)
	}
}
