package lab_test

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"ctop/internal/lab"
)

// bridged is a bridged lab whose client has a bad cable.
func bridged(t *testing.T, o lab.CableOptions) *lab.Lab {
	t.Helper()
	return newLab(t, lab.Options{Bridge: true, Client: lab.HostOptions{Cable: &o}})
}

// A perfect relay carries the traffic of default pairs, including large
// segments and unfinished checksums.
func TestCableCarriesAll(t *testing.T) {
	l := bridged(t, lab.CableOptions{})
	for _, addr := range []netip.Addr{l.Server.Addr4(), l.Server.Addr6()} {
		if err := lab.WaitPing(t.Context(), l.Client, addr); err != nil {
			t.Fatal(err)
		}
		if err := lab.Transfer(t.Context(), l.Client, l.Server, addr, 4<<20); err != nil {
			t.Error(err)
		}
		for _, size := range []int{1, 1000, 4000} {
			if err := lab.Exchange(t.Context(), l.Client, l.Server, netip.AddrPortFrom(addr, 0), bytes.Repeat([]byte{1}, size)); err != nil {
				t.Error(err)
			}
		}
	}
	out, in := l.Client.Cable()
	for _, c := range []lab.CableCounts{out, in} {
		if c.Frames < 4<<20/1460 || c.Lost+c.Duplicated+c.Reordered != 0 {
			t.Errorf("the cable counts %+v", c)
		}
	}
}

func TestCableDelays(t *testing.T) {
	const each = 60 * time.Millisecond
	l := bridged(t, lab.CableOptions{Out: lab.Impairment{Delay: each}, In: lab.Impairment{Delay: each}})
	if err := lab.WaitPing(t.Context(), l.Client, l.Server.Addr4()); err != nil {
		t.Fatal(err)
	}
	rtt, err := lab.Ping(t.Context(), l.Client, l.Server.Addr4())
	if err != nil || rtt < 2*each {
		t.Errorf("a ping took %s (%v), want %s at least", rtt, err, 2*each)
	}
}

// TCP recovers lost, duplicated and reordered frames, and the cable counts
// them.
func TestCableImpairs(t *testing.T) {
	bad := lab.Impairment{Loss: 0.02, Duplicate: 0.02, Reorder: 0.02, HoldBack: 2 * time.Millisecond}
	l := bridged(t, lab.CableOptions{Seed: 7, Out: bad, In: bad})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := lab.Transfer(ctx, l.Client, l.Server, l.Server.Addr4(), 4<<20); err != nil {
		t.Fatal(err)
	}
	out, in := l.Client.Cable()
	for _, c := range []lab.CableCounts{out, in} {
		if c.Lost == 0 || c.Duplicated == 0 || c.Reordered == 0 || c.Lost+c.Duplicated+c.Reordered > c.Frames/4 {
			t.Errorf("the cable counts %+v", c)
		}
	}
}

func TestCableIsMended(t *testing.T) {
	l := bridged(t, lab.CableOptions{})
	if err := lab.WaitPing(t.Context(), l.Client, l.Server.Addr4()); err != nil {
		t.Fatal(err)
	}
	if err := l.Client.Impair(lab.Impairment{Loss: 1}, lab.Impairment{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err == nil {
		t.Error("a ping came through a cable that loses all")
	}
	if err := l.Client.Impair(lab.Impairment{}, lab.Impairment{}); err != nil {
		t.Fatal(err)
	}
	if err := lab.WaitPing(t.Context(), l.Client, l.Server.Addr4()); err != nil {
		t.Error(err)
	}
	if err := l.Server.Impair(lab.Impairment{}, lab.Impairment{}); err == nil {
		t.Error("a host without a cable of its own was impaired")
	}
}

// A bad cable can be unplugged and plugged in like a good one.
func TestCableIsPlugged(t *testing.T) {
	l := bridged(t, lab.CableOptions{})
	if err := l.Unplug(l.Client); err != nil {
		t.Fatal(err)
	}
	if err := l.Plug(l.Client); err != nil {
		t.Fatal(err)
	}
	if err := lab.WaitPing(t.Context(), l.Client, l.Server.Addr4()); err != nil {
		t.Error(err)
	}
}
