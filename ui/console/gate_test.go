package console

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// place is a startup that remembers whether it was dropped.
type place struct {
	came    progress
	dropped bool
}

func (p *place) progress() progress { return p.came }
func (p *place) drop()              { p.dropped = true }

func newTestGate(l Limits) (g *gate, now *time.Time) {
	at := time.Unix(1e9, 0)
	g = newGate(l.withDefaults(), func() time.Time { return at })
	return g, &at
}

func (g *gate) place(t *testing.T, addr string) *place {
	t.Helper()
	p := &place{}
	if err := g.enter(netip.MustParseAddr(addr), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Who comes when all places are taken gets one, and who has come far keeps his.
func TestGateDropsThoseWhoHaveNotComeFar(t *testing.T) {
	g, _ := newTestGate(Limits{Startups: 10, StartupsPerAddress: 4})
	var far []*place
	for i := range 3 {
		far = append(far, g.place(t, "192.0.2.1"))
		far[i].came = speaking
	}
	far[0].came = promising
	for range 1000 {
		g.place(t, "192.0.2.1")
	}
	if n := g.waiting(); n != 4 {
		t.Errorf("%d wait", n)
	}
	for i, p := range far {
		if p.dropped {
			t.Errorf("%d was dropped", i)
		}
	}
	// Full of those who speak, the one that offered an authorised key stays.
	for range 100 {
		g.place(t, "192.0.2.1").came = speaking
	}
	if far[0].dropped {
		t.Error("it was dropped")
	}
}

// An address that takes more places than others loses them first, and a network
// of IPv6 is one address.
func TestGateIsFairToAddresses(t *testing.T) {
	g, _ := newTestGate(Limits{Startups: 10, StartupsPerAddress: 8})
	honest := []*place{g.place(t, "192.0.2.1"), g.place(t, "2001:db8:1::1")}
	for i := range 1000 {
		g.place(t, fmt.Sprintf("2001:db8:2::%x", i+1))
	}
	for range 6 {
		honest = append(honest, g.place(t, "192.0.2.2"))
	}
	if g.waiting() != 10 {
		t.Errorf("%d wait", g.waiting())
	}
	dropped := 0
	for _, p := range honest {
		if p.dropped {
			dropped++
		}
	}
	if honest[0].dropped || honest[1].dropped || dropped > 2 {
		t.Errorf("%d dropped", dropped)
	}
}

// Those who logged in lately do not share places with anybody else.
func TestGateKeepsPlacesForTheKnown(t *testing.T) {
	g, now := newTestGate(Limits{Startups: 10, StartupsPerAddress: 4})
	ann := netip.MustParseAddr("192.0.2.1")
	g.know(ann)
	p := g.place(t, "192.0.2.1")
	for i := range 1000 {
		g.place(t, fmt.Sprintf("198.51.%d.%d", i/250, i%250))
	}
	if p.dropped {
		t.Error("it was dropped")
	}
	*now = now.Add(knownFor)
	if g.isKnown(sourceOf(ann)) {
		t.Error("known for ever")
	}
	for i := range 2 * mostKnown {
		*now = now.Add(time.Second)
		g.know(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if len(g.known) != mostKnown {
		t.Errorf("%d known", len(g.known))
	}
}

// An address of which everything fails has newcomers dropped at random, and some
// of them get in at any time.
func TestGateDropsEarly(t *testing.T) {
	g, now := newTestGate(Limits{FailuresPerAddress: 30})
	mallory := netip.MustParseAddr("192.0.2.66")
	admitted := 0
	for i := range 10_000 {
		p := &place{}
		err := g.enter(mallory, p)
		if err == nil {
			admitted++
			g.leave(p)
			g.fail(mallory)
		}
		if i < 30 && err != nil {
			t.Fatal(i, err)
		}
	}
	// The expectation is the root of 2·30·10,000, 775.
	if admitted < 500 || admitted > 1100 {
		t.Errorf("%d of 10,000 were admitted", admitted)
	}
	g.place(t, "192.0.2.67")
	*now = now.Add(failureWindow)
	g.place(t, "192.0.2.66")
}

// Failures are counted for a minute from the first, and their number is bounded.
func TestGateCountsFailures(t *testing.T) {
	g, now := newTestGate(Limits{})
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	count := func(i, want int) {
		t.Helper()
		if got := g.failuresOf(sourceOf(at(i))); got != want {
			t.Errorf("address %d has %d failures, not %d", i, got, want)
		}
	}
	count(0, 0)
	g.fail(at(0))
	*now = now.Add(failureWindow - 1)
	g.fail(at(0))
	count(0, 2)
	*now = now.Add(1)
	count(0, 0)
	g.fail(at(0))
	count(0, 1)
	for i := 1; i < mostAddresses; i++ {
		g.fail(at(i))
	}
	if len(g.failures) != 10_000 {
		t.Errorf("%d addresses", len(g.failures))
	}
	*now = now.Add(failureWindow)
	g.fail(at(0)) // known, and its failures are old: the others are forgotten
	if count(0, 1); len(g.failures) != 1 {
		t.Errorf("%d addresses", len(g.failures))
	}
	for i := 1; i < mostAddresses; i++ {
		g.fail(at(i))
	}
	g.fail(at(mostAddresses)) // too many in a minute
	if count(0, 0); len(g.failures) != 1 {
		t.Errorf("%d addresses", len(g.failures))
	}
}

// Of the connections with the least progress each may be drawn, and no other.
func TestGateDraws(t *testing.T) {
	g, _ := newTestGate(Limits{})
	all := map[startup]struct{}{}
	for _, came := range []progress{promising, speaking, speaking, speaking, promising} {
		all[&place{came: came}] = struct{}{}
	}
	drawn := map[startup]int{}
	for range 1000 {
		drawn[g.draw(all)]++
	}
	for s, n := range drawn {
		if s.progress() != speaking || n < 200 {
			t.Errorf("one of progress %d is drawn %d times", s.progress(), n)
		}
	}
	if len(drawn) != 3 {
		t.Errorf("%d are drawn", len(drawn))
	}
}
