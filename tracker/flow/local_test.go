package flow

import (
	"net/netip"
	"testing"
)

// Every combination of ends is set, shown and turned round.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		ends          Ends
		text          string
		local, remote Ends
	}{
		{0, "", 0, 0},
		{EndOrigin, "origin", EndOrigin, EndReply},
		{EndReply, "reply", EndReply, EndOrigin},
		{EndOrigin | EndReply, "both", EndOrigin | EndReply, EndOrigin | EndReply},
	} {
		var f Flow
		f.SetLocal(c.ends)
		if f.Local() != c.ends || c.ends.String() != c.text {
			t.Errorf("%d is %d, %q, want %q", c.ends, f.Local(), c.ends, c.text)
		}
		if local, remote := f.Sides(); local != c.local || remote != c.remote {
			t.Errorf("%q: %q faces %q, want %q and %q", c.ends, local, remote, c.local, c.remote)
		}
		if f.Origin.Local != c.ends.Has(EndOrigin) || f.Reply.Local != c.ends.Has(EndReply) {
			t.Errorf("%q: %+v", c.ends, f)
		}
		if f.SetLocal(0); f.Local() != 0 {
			t.Errorf("%q stays", c.ends)
		}
	}
	if got := Ends(4).String(); got != "" {
		t.Errorf("another end is %q", got)
	}
}

// The machine's ends are told by its addresses at the interface of the flow, and by loopback
// addresses where these are its own.
func TestLocals(t *testing.T) {
	at := func(loopback bool, addrs ...string) Addresses {
		a := Addresses{Of: map[[16]byte]struct{}{}, Loopback: loopback}
		for _, addr := range addrs {
			a.Of[netip.MustParseAddr(addr).As16()] = struct{}{}
		}
		return a
	}
	locals := Locals{at(false, "10.0.0.1"), at(true, "10.0.0.2", "::2"), {}, {Loopback: true}}
	for _, c := range []struct {
		zone     uint16
		src, dst string
		want     Ends
	}{
		{0, "10.0.0.1:1", "10.0.0.1:2", 0},
		{1, "10.0.0.1:1", "10.0.0.2:2", EndOrigin},
		{1, "10.0.0.2:1", "10.0.0.1:2", EndReply},
		{1, "10.0.0.1:1", "10.0.0.1:2", EndOrigin | EndReply},
		{1, "127.0.0.1:1", "[::1]:2", 0},
		{2, "10.0.0.1:1", "10.0.0.2:2", EndReply},
		{2, "127.0.0.1:1", "10.0.0.9:2", EndOrigin},
		{2, "[::2]:1", "[::1]:2", EndOrigin | EndReply},
		{3, "10.0.0.1:1", "10.0.0.2:2", 0},
		{4, "10.0.0.1:1", "127.8.8.8:2", EndReply},
		{5, "10.0.0.1:1", "127.0.0.1:2", 0},
	} {
		tuple := Tuple{Proto: ProtocolTCP, Src: MustParseEnd(c.src), Dst: MustParseEnd(c.dst), Zone: c.zone}
		if got := locals.Ends(&tuple); got != c.want {
			t.Errorf("%s at %d: the machine is %q, want %q", tuple, c.zone, got, c.want)
		}
	}
}
