package console

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

const (
	// failureWindow is the time over which failures are counted.
	failureWindow = time.Minute
	// mostAddresses is how many addresses with failures are remembered. If more
	// fail in a minute, all are forgotten.
	mostAddresses = 10_000
	// knownFor is how long an address is known after a login, and mostKnown how many
	// addresses are.
	knownFor  = 7 * 24 * time.Hour
	mostKnown = 1000
	// knownFailures is how many times more failures a known address may have than
	// others: operators may share it with an attacker.
	knownFailures = 10
)

// progress is how far a connection has come in logging in.
type progress int32

const (
	// silent: it has sent nothing.
	silent progress = iota
	// speaking: it has sent something.
	speaking
	// promising: it has offered a key that is authorised.
	promising
)

// startup is a connection that has not authenticated yet.
type startup interface {
	progress() progress
	// drop closes the connection.
	drop()
}

// gate admits a limited number of connections that have not authenticated yet.
//
// A connection that comes when all places are taken gets the place of another one,
// drawn at random among those with the least progress. So whoever holds places
// without logging in loses them, and whoever logs in needs a place for a moment only.
// The place is taken from the address that has most of them. Addresses from which
// somebody logged in lately have places of their own. If many connections from an
// address fail, new ones are dropped at random, the more of them the more fail, but
// never all (like MaxStartups of sshd_config(5)).
type gate struct {
	limits Limits
	clock  func() time.Time
	// random returns a number from 0 up to n.
	random func(n int) int

	mu       sync.Mutex
	pools    [2]pool
	failures map[netip.Prefix]*failed
	known    map[netip.Prefix]time.Time
}

// pool is a number of places. Known addresses have one pool and all others another.
type pool struct {
	total int
	from  map[netip.Prefix]map[startup]struct{}
}

// The pools of a gate.
const (
	strangers = iota
	regulars
)

type failed struct {
	count int
	since time.Time
}

func newGate(l Limits, clock func() time.Time) *gate {
	g := &gate{
		limits: l, clock: clock, random: rand.IntN,
		failures: map[netip.Prefix]*failed{}, known: map[netip.Prefix]time.Time{},
	}
	for i := range g.pools {
		g.pools[i].from = map[netip.Prefix]map[startup]struct{}{}
	}
	return g
}

// sourceOf returns the source that an address counts for: an IPv4 address itself, or the
// /64 network of an IPv6 address, in which one host can use any address.
func sourceOf(a netip.Addr) netip.Prefix {
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

// enter takes a place for a connection, dropping another one if necessary, or returns
// why there is none.
func (g *gate) enter(a netip.Addr, s startup) error {
	h := sourceOf(a)
	victim, err := g.admit(a, h, s)
	if victim != nil {
		victim.drop()
	}
	return err
}

func (g *gate) admit(a netip.Addr, h netip.Prefix, s startup) (victim startup, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	which, limit := strangers, g.limits.FailuresPerAddress
	if g.isKnown(h) {
		which, limit = regulars, limit*knownFailures
	}
	if n := g.failuresOf(h); n >= limit && g.random(n+1) >= limit {
		return nil, fmt.Errorf("too many connections from %s failed: try again, or in a minute", a)
	}
	p := &g.pools[which]
	switch {
	case len(p.from[h]) >= g.limits.StartupsPerAddress:
		victim = g.draw(p.from[h])
	case p.total >= g.limits.Startups:
		victim = g.draw(p.largest())
	}
	if victim != nil {
		p.remove(victim)
	}
	p.add(h, s)
	return victim, nil
}

// draw returns one of the connections with the least progress, at random.
func (g *gate) draw(from map[startup]struct{}) startup {
	var least []startup
	for s := range from {
		switch {
		case len(least) == 0 || s.progress() < least[0].progress():
			least = append(least[:0], s)
		case s.progress() == least[0].progress():
			least = append(least, s)
		}
	}
	return least[g.random(len(least))]
}

func (p *pool) add(h netip.Prefix, s startup) {
	if p.from[h] == nil {
		p.from[h] = map[startup]struct{}{}
	}
	p.from[h][s] = struct{}{}
	p.total++
}

func (p *pool) remove(s startup) {
	for h, list := range p.from {
		if _, ok := list[s]; !ok {
			continue
		}
		p.total--
		if delete(list, s); len(list) == 0 {
			delete(p.from, h)
		}
		return
	}
}

// largest returns the connections of the address that has most places. If several
// have as many, it returns those of all of them.
func (p *pool) largest() map[startup]struct{} {
	all, most := map[startup]struct{}{}, 0
	for _, list := range p.from {
		if len(list) < most {
			continue
		}
		if len(list) > most {
			clear(all)
			most = len(list)
		}
		maps.Copy(all, list)
	}
	return all
}

// leave releases the place, if the connection still has it.
func (g *gate) leave(s startup) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.pools {
		g.pools[i].remove(s)
	}
}

// waiting returns how many connections have a place.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pools[strangers].total + g.pools[regulars].total
}

// know remembers the address of somebody who has logged in.
func (g *gate) know(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	g.known[sourceOf(a)] = now
	if len(g.known) <= mostKnown {
		return
	}
	oldest, at := netip.Prefix{}, now
	for h, t := range g.known {
		if t.Before(at) {
			oldest, at = h, t
		}
	}
	delete(g.known, oldest)
}

func (g *gate) isKnown(h netip.Prefix) bool {
	at, ok := g.known[h]
	return ok && g.clock().Sub(at) < knownFor
}

// fail counts a connection that did not authenticate.
func (g *gate) fail(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, now := sourceOf(a), g.clock()
	f := g.failures[h]
	if f == nil || now.Sub(f.since) >= failureWindow {
		g.forget(now)
		f = &failed{since: now}
		g.failures[h] = f
	}
	f.count++
}

func (g *gate) failuresOf(h netip.Prefix) int {
	if f := g.failures[h]; f != nil && g.clock().Sub(f.since) < failureWindow {
		return f.count
	}
	return 0
}

// forget drops old failures, so that their number stays bounded.
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
