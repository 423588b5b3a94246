package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ctop/internal/fleet"
)

// A console that looks at something else ends what it looked at, unless another one looks at
// that, too. What nobody renews ends by itself.
func TestLeaseEndsWithTheNextView(t *testing.T) {
	now := time.Unix(1000, 0)
	var l leases[*view]
	has := func(want ...string) {
		t.Helper()
		list, _ := l.alive(now)
		var got []string
		for _, one := range list {
			got = append(got, one.of.Filter)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("it publishes %q, not %q", got, want)
		}
	}
	watch := func(from, filter string) {
		t.Helper()
		if !lookAt(&l, "", from, filter, now) {
			t.Fatalf("%s may not look at %q", from, filter)
		}
	}
	watch("ann", "tcp")
	watch("bob", "tcp")
	watch("", "icmp") // of an earlier version
	watch("ann", "udp")
	has("icmp", "tcp", "udp")
	watch("bob", "udp")
	has("icmp", "udp")
	for i := range 2 * maxHolders {
		watch(fmt.Sprint("c", i), "udp")
	}
	watch("", "icmp")
	now = now.Add(fleet.Lease - time.Second)
	watch("ann", "dport:1")
	has("dport:1", "icmp", "udp")
	now = now.Add(2 * time.Second)
	has("dport:1")
	for i := range 2 * maxLeases {
		watch("ann", fmt.Sprint("dport:", i)) // a console takes the room of one
	}
	has("dport:31")
}

// lookAt renews the lease of a console with a key.
func lookAt(l *leases[*view], key, from, filter string, now time.Time) bool {
	v := fleet.View{Filter: filter, Sort: "rate:desc", Limit: 50}
	return l.renew(v.Name(), holder{key, from}, now, func() (*view, error) { return newView(v) })
}

// One who looks at as much as a host publishes leaves others no less than an equal part, whatever
// the consoles call themselves, and does not end what others look at, too.
func TestLeasesAreShared(t *testing.T) {
	now := time.Unix(1000, 0)
	var l leases[*view]
	names := func() (list []string) {
		alive, _ := l.alive(now)
		for _, one := range alive {
			list = append(list, one.of.Filter)
		}
		slices.Sort(list)
		return list
	}
	greedy := func() {
		for i := range 3 * maxLeases {
			now = now.Add(time.Millisecond)
			filter := fmt.Sprintf("dport:%d", 100+i%(2*maxLeases))
			for _, key := range []string{"mallory", ""} { // as a console does, for earlier versions
				lookAt(&l, key, fmt.Sprint("m", i), filter, now)
			}
		}
	}
	greedy()
	if n := len(names()); n != maxLeases {
		t.Fatalf("%d views are published, not %d", n, maxLeases)
	}
	if !lookAt(&l, "ann", "a", "tcp", now) || !lookAt(&l, "bob", "b", "udp", now) || !lookAt(&l, "bob", "b2", "dport:100", now) {
		t.Error("one with a key holds everything")
	}
	greedy()
	greedy()
	list := names()
	for _, filter := range []string{"tcp", "udp", "dport:100"} {
		if !slices.Contains(list, filter) {
			t.Errorf("nothing is left of %q: %q", filter, list)
		}
	}
	if len(list) > maxLeases {
		t.Errorf("%d views are published", len(list))
	}
	for i := range maxLeases { // ann has an equal part, beside bob, mallory and hers without a key
		lookAt(&l, "ann", fmt.Sprint("a", i), fmt.Sprint("sport:", i), now)
		greedy()
	}
	own := map[string]int{}
	for _, one := range l.held {
		if owner, alone := one.owner(); alone {
			own[owner]++
		}
	}
	if own["ann"] < maxLeases/4 || own["mallory"] > own["ann"]+1 || own["mallory"] < maxLeases/4 {
		t.Errorf("they have %v", own)
	}
}

// One who waits for a lease is woken when there is one, or when one that was over is renewed,
// and a lease that is renewed wakes nobody.
func TestMoreLeases(t *testing.T) {
	now := time.Unix(1000, 0)
	l := leases[*view]{remembered: time.Minute}
	woken := func(more <-chan struct{}) bool {
		select {
		case <-more:
			return true
		default:
			return false
		}
	}
	list, more := l.alive(now)
	if _, again := l.alive(now); len(list) != 0 || again != more || woken(more) {
		t.Errorf("there are %d leases", len(list))
	}
	lookAt(&l, "ann", "a", "tcp", now)
	list, next := l.alive(now)
	if !woken(more) || woken(next) || len(list) != 1 {
		t.Error("nobody is woken")
	}
	if lookAt(&l, "ann", "a", "tcp", now.Add(time.Second)); woken(next) {
		t.Error("somebody is woken by a lease that was there")
	}
	now = now.Add(time.Second + fleet.Lease)
	if list, _ = l.alive(now); len(list) != 1 {
		t.Error("a lease is over too early")
	}
	now = now.Add(1)
	if list, _ = l.alive(now); len(list) != 0 || len(l.held) != 1 {
		t.Error("a lease is not over, or forgotten")
	}
	if lookAt(&l, "ann", "a", "tcp", now); !woken(next) {
		t.Error("nobody is woken by a lease that goes on")
	}
	now = now.Add(fleet.Lease + time.Minute)
	if l.alive(now); len(l.held) != 1 {
		t.Error("a lease is forgotten too early")
	}
	if l.alive(now.Add(1)); len(l.held) != 0 {
		t.Error("a lease is never forgotten")
	}
	if l.count(now) != 0 {
		t.Error("a lease that is over counts")
	}
}

// A lease is of a key if all consoles with one are of it, those without aside.
func TestOwners(t *testing.T) {
	for i, c := range []struct {
		keys  []string
		key   string
		alone bool
	}{{nil, "", true}, {[]string{""}, "", true}, {[]string{"ann"}, "ann", true}, {[]string{"ann", "", "ann"}, "ann", true}, {[]string{"ann", "bob"}, "", false}} {
		l := &lease[int]{holders: map[holder]time.Time{}}
		for j, key := range c.keys {
			l.holders[holder{key, fmt.Sprint(j)}] = time.Time{}
		}
		if key, alone := l.owner(); alone != c.alone || alone && key != c.key {
			t.Errorf("%d: it is of %q alone: %t", i, key, alone)
		}
	}
}

// A console that has gone no longer holds a lease that others renew, nor one that it never held.
func TestHoldersThatGo(t *testing.T) {
	now := time.Unix(1000, 0)
	var l leases[*view]
	lookAt(&l, "ann", "a", "tcp", now)
	now = now.Add(fleet.Lease)
	lookAt(&l, "bob", "b", "tcp", now)
	l.alive(now.Add(1))
	for _, one := range l.held {
		if key, alone := one.owner(); key != "bob" || !alone || len(one.holders) != 1 {
			t.Errorf("it is held by %v", one.holders)
		}
		if one.release(holder{"ann", "a"}, now); !one.until.Equal(now.Add(fleet.Lease)) {
			t.Error("one who does not hold a lease ends it")
		}
		one.hold(holder{"carl", "c"}, now.Add(-time.Second))
		if one.release(holder{"bob", "b"}, now); !one.until.Equal(now.Add(fleet.Lease - time.Second)) {
			t.Errorf("it ends at %s", one.until)
		}
		if one.release(holder{"carl", "c"}, now); !one.until.Before(now) {
			t.Error("a lease that nobody holds goes on")
		}
	}
	if l.renew("x", holder{}, now, func() (*view, error) { return nil, errNothing }) || len(l.held) > 1 {
		t.Error("what cannot begin has a lease")
	}
}
