package client

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// listening returns a listener without a connection.
func listening() *Listener {
	return &Listener{client: apart(), on: true, came: make(chan struct{}, 1), heard: map[string]*heard{}, losing: map[string]*heard{}}
}

// What a host left out is what it says of its first message, and what its total lacks of the
// next ones, of which one may be lost. What it says is bounded.
func TestCount(t *testing.T) {
	one := make([]flow.Event, 1)
	var h heard
	for i, c := range []struct {
		told fleet.Events
		lost uint64
	}{
		{fleet.Events{Since: 1, Total: 10, Lost: 2, Events: one}, 2},
		{fleet.Events{Since: 1, Total: 11, Lost: 5, Events: one}, 2},
		{fleet.Events{Since: 1, Total: 15, Events: one}, 5},
		{fleet.Events{Since: 1, Total: 14, Events: one}, 5}, // an older one comes late
		{fleet.Events{Since: 1, Total: 14, Events: one}, 5},
		{fleet.Events{Since: 2, Total: 100, Lost: 1, Events: one}, 6}, // it began again
		{fleet.Events{Since: 2, Total: 100 + 1<<50}, 6 + mostLost},
	} {
		if h.count(&c.told); h.lost != c.lost || !h.known || h.total != c.told.Total {
			t.Errorf("after message %d it is %+v, want %d lost", i, h, c.lost)
		}
	}
}

// The latest events are kept, and each is read once. Whoever reads too late misses some.
func TestKept(t *testing.T) {
	l := listening()
	batch := make([]flow.Event, 1000)
	for i := range 13 {
		for j := range batch {
			batch[j].ID = flow.ID(1000*i + j)
		}
		l.add(batch...)
		if i == 11 && len(l.events) != 12_000 {
			t.Errorf("%d events are kept", len(l.events))
		}
	}
	if len(l.events) != keptEvents {
		t.Errorf("%d events are kept of 13,000", len(l.events))
	}
	for _, c := range []struct{ after, first, n uint64 }{
		{0, 3000, keptEvents}, {2999, 3000, keptEvents}, {3000, 3000, keptEvents}, {3001, 3001, keptEvents - 1}, {12_999, 12_999, 1}, {13_000, 0, 0}, {20_000, 0, 0},
	} {
		events, next := l.Events(c.after)
		if uint64(len(events)) != c.n || next != 13_000 || c.n > 0 && events[0].ID != flow.ID(c.first) {
			t.Errorf("after %d there are %d events, then %d", c.after, len(events), next)
		}
	}
	select {
	case <-l.came:
	default:
		t.Error("nobody is told that events came")
	}
	if l.add(); len(l.came) != 0 {
		t.Error("somebody is told of nothing")
	}
}

// The losses of a host become an event every five seconds at most, and none is forgotten.
func TestTellLost(t *testing.T) {
	l := listening()
	h := &heard{}
	now := time.Unix(1000, 0)
	lose := func(n uint64, later time.Duration) {
		h.lost += n
		l.losing["a"] = h
		now = now.Add(later)
		l.tellLost(now)
	}
	lose(1, 0)
	lose(2, time.Second)
	lose(3, 4*time.Second-1)
	if len(l.events) != 1 {
		t.Errorf("in five seconds it says %d times what was lost", len(l.events))
	}
	lose(4, 1)
	l.tellLost(now.Add(time.Hour))
	if len(l.events) != 2 || l.events[0].Lost != 1 || l.events[1].Lost != 9 || l.events[1].Host != "a" || l.events[1].Type != flow.EventLost || !l.events[1].Time.Equal(now) {
		t.Errorf("it says %+v", l.events)
	}
}

// What a host published itself is kept with its name, and what it lost.
func TestTakeEvents(t *testing.T) {
	l := listening()
	text, err := fleet.Events{Since: 1, Total: 5, Lost: 4, Events: []flow.Event{{ID: 7, Time: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC), Type: flow.EventNew, To: flow.StateNew, Interface: "eth0", Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2")}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.DecodeEvents(text); err != nil {
		t.Fatal(err)
	}
	space := l.client.space
	for _, m := range []*nats.Msg{
		{Subject: space.Events("a", "x"), Data: text, Header: nats.Header{"Nats-Subject": {"x"}}},
		{Subject: space.Events("@", "x"), Data: text},
		{Subject: space.Events("b", "x"), Data: text[1:]},
	} {
		l.take(l.watch, m)
	}
	l.take(fleet.Watch{Kind: fleet.WatchEvents, View: fleet.View{Filter: "tcp"}}, &nats.Msg{Subject: space.Events("b", "x"), Data: text})
	if l.total != 0 || l.heard["a"] != nil {
		t.Fatalf("it heard %+v", l.events)
	}
	l.take(l.watch, &nats.Msg{Subject: space.Events("a", "x"), Data: text})
	if l.total != 2 || l.events[0].ID != 7 || l.events[0].Host != "a" || l.events[1].Lost != 4 || l.hostOf(7) != "a" || l.hostOf(8) != "" {
		t.Errorf("it heard %+v", l.events)
	}
}
