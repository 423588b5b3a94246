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
	// failureWindow is the time in which failures are counted.
	failureWindow = time.Minute
	// mostAddresses bounds what is remembered of failures. Where more
	// addresses than that fail in a minute, the oldest are forgotten.
	mostAddresses = 10_000
	// knownFor is how long an address is known after a login, mostKnown how
	// many are.
	knownFor  = 7 * 24 * time.Hour
	mostKnown = 1000
	// knownFailures is how many times as many failures as others an address
	// may have that is known: operators may share it with an attacker.
	knownFailures = 10
)

// progress is how far a connection that logs in has come.
type progress int32

const (
	// silent: nothing was heard of it.
	silent progress = iota
	// speaking: it has sent something.
	speaking
	// promising: it has offered a key that is authorised.
	promising
)

// startup is a connection that has not authenticated yet.
type startup interface {
	progress() progress
	// drop closes it.
	drop()
}

// gate lets connections in that have not authenticated yet, a few at a time.
//
// A connection that comes when all places are taken gets the place of another
// one, drawn at random among those that have come least far: whoever holds
// places without logging in, or takes all that there are, loses them again, and
// who logs in needs one for a moment only. The place is taken from the address
// that has most of them. Addresses from which somebody logged in lately have
// places of their own. An address of which many connections fail has newcomers
// dropped at random, more of them the more fail, and never all (as MaxStartups of
// sshd_config(5) does).
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

// pool is a number of places. There is one for addresses that are known and one
// for all others.
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

// enter takes a place for a connection, or says why there is none. It drops the
// connection that has to go for that.
func (g *gate) enter(a netip.Addr, s startup) error {
	h := household(a)
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

// draw returns one of those that have come least far, at random.
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

// largest returns those of the address that has most places, or of the several
// that have as many.
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

// leave gives the place back, if it still has it.
func (g *gate) leave(s startup) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.pools {
		g.pools[i].remove(s)
	}
}

// waiting is how many have a place.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pools[strangers].total + g.pools[regulars].total
}

// know notes that somebody has logged in.
func (g *gate) know(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	g.known[household(a)] = now
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

func (g *gate) failuresOf(h netip.Prefix) int {
	if f := g.failures[h]; f != nil && g.clock().Sub(f.since) < failureWindow {
		return f.count
	}
	return 0
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
