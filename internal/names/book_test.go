package names

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

var (
	host4 = netip.MustParseAddr("192.0.2.1")
	host6 = netip.MustParseAddr("2001:db8::1")
)

// open returns a book that shows names.
func open(r Resolver) *Book {
	b := New(r)
	b.Set(true)
	return b
}

func TestNoBook(t *testing.T) {
	var none *Book
	if none.On() || none.Resolves() {
		t.Error("no book shows or resolves names")
	}
	b := New(nil)
	if b.On() || b.Resolves() || b.Known() != nil {
		t.Error("a new book shows or resolves names")
	}
	b.Set(true)
	if !b.On() || b.Resolves() || b.Wanted([]netip.Addr{host4}) != nil {
		t.Error("a book without a resolver looks addresses up")
	}
	if !New(func(context.Context, netip.Addr) (string, error) { return "", nil }).Resolves() {
		t.Error("a book with a resolver does not resolve")
	}
}

func TestAsk(t *testing.T) {
	begun := time.Now()
	b := open(func(ctx context.Context, a netip.Addr) (string, error) {
		if limit, ok := ctx.Deadline(); !ok || time.Until(limit) > 5*time.Second || limit.Before(begun.Add(5*time.Second)) {
			t.Error("a look-up has no limit")
		}
		if a == host6 {
			return "half", errors.New("no answer")
		}
		return "name.", nil
	})
	if got := b.Ask(host4); got != "name." {
		t.Errorf("got %q", got)
	}
	if got := b.Ask(host6); got != "" {
		t.Errorf("got %q in spite of an error", got)
	}
}

// TestWantedIsBounded lets no more look-ups run than mostAsked.
func TestWantedIsBounded(t *testing.T) {
	b := open(func(context.Context, netip.Addr) (string, error) { return "", nil })
	var all []netip.Addr
	for a := host4; len(all) < mostAsked+2; a = a.Next() {
		all = append(all, a)
	}
	if got := b.Wanted(all); !slices.Equal(got, all[:8]) {
		t.Fatalf("wants %v", got)
	}
	b.Add(all[0], "")
	if got := b.Wanted(all); !slices.Equal(got, all[mostAsked:mostAsked+1]) {
		t.Errorf("after an answer it wants %v", got)
	}
}

func TestKnown(t *testing.T) {
	b := open(nil)
	b.Add(host4, "a.")
	first := b.Known()
	if first[host4] != "a" || len(first) != 1 {
		t.Fatalf("knows %v", first)
	}
	b.Add(host6, "")
	if len(first) != 1 {
		t.Error("a map that was given away changed")
	}
	if second := b.Known(); len(second) != 2 || second[host6] != "" {
		t.Errorf("knows %v", second)
	}
	b.Add(host4, "other")
	if got := b.Host(host4); got != "a" {
		t.Errorf("a second answer made it %q", got)
	}
	b.Set(false)
	if b.Known() != nil || b.Host(host4) != "192.0.2.1" {
		t.Error("names show though they are off")
	}
}

func TestOldestGoesFirst(t *testing.T) {
	b := open(nil)
	a := host4
	for range Limit {
		b.Add(a, "x")
		a = a.Next()
	}
	if b.Host(host4) != "x" || len(b.known) != Limit {
		t.Fatalf("knows %d", len(b.known))
	}
	b.Add(a, "x")
	if b.Host(host4) != host4.String() || b.Host(host4.Next()) != "x" || b.Host(a) != "x" {
		t.Error("another than the oldest went")
	}
}

func TestTidy(t *testing.T) {
	long := strings.Repeat("x", longest)
	for in, want := range map[string]string{
		"": "", ".": "", "a.": "a", "a": "a", "a..": "a.", long: long, long + "y": long[1:] + "…",
	} {
		if got := tidy(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestEnds(t *testing.T) {
	tuple := func(p flow.Protocol, src, dst string) flow.Tuple {
		return flow.Tuple{Proto: p, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)}
	}
	ping := tuple(flow.ProtocolICMP, "192.0.2.1:0", "192.0.2.9:0")
	ping.ICMPType, ping.ICMPID = 8, 77
	b := open(nil)
	b.Add(netip.MustParseAddr("2001:db8::7"), "seven")
	for _, c := range []struct {
		tuple            flow.Tuple
		source, to       string
		rawSource, rawTo string
	}{
		{tuple(flow.ProtocolTCP, "192.0.2.1:40000", "192.0.2.9:22"), "192.0.2.1:40000", "192.0.2.9:ssh", "192.0.2.1:40000", "192.0.2.9:22"},
		{tuple(flow.ProtocolUDP, "[2001:db8::1]:53", "[2001:db8::7]:1"), "[2001:db8::1]:domain", "seven:1", "[2001:db8::1]:53", "[2001:db8::7]:1"},
		{ping, "192.0.2.1 echo #77", "192.0.2.9", "192.0.2.1 echo #77", "192.0.2.9"},
		{tuple(47, "192.0.2.1:0", "192.0.2.9:0"), "192.0.2.1", "192.0.2.9", "192.0.2.1", "192.0.2.9"},
	} {
		b.Set(true)
		if got, to := b.Source(c.tuple), b.Destination(c.tuple, nil); got != c.source || to != c.to {
			t.Errorf("%v: %q to %q, want %q to %q", c.tuple, got, to, c.source, c.to)
		}
		b.Set(false)
		if got, to := b.Source(c.tuple), b.Destination(c.tuple, nil); got != c.rawSource || to != c.rawTo {
			t.Errorf("%v: %q to %q without names, want %q to %q", c.tuple, got, to, c.rawSource, c.rawTo)
		}
	}
	b.Set(true)
	if got := b.Port(47, 22); got != "22" {
		t.Errorf("a protocol without ports has port %q", got)
	}
}
