package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A page has no name without end, and says neither where its interfaces are nor too much.
func TestBoundsOfPages(t *testing.T) {
	process := func(n int) func(*flow.Snapshot) {
		return func(s *flow.Snapshot) {
			s.Flows[0].Holding = flow.Holding{Process: &flow.Process{PID: 1, Name: strings.Repeat("x", n)}}
		}
	}
	checkBounds(t, func() flow.Snapshot { return *randomSnapshot(1) }, func(s flow.Snapshot) error {
		if s.Flows[0].Origin.Bytes > 1<<40 {
			s.Flows[0].Origin.Bytes, s.Flows[0].Origin.Packets = 1, 1
		}
		pages, err := Pages(&s, rowsOf(&s))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodePage(context.Background(), pages[0])
		if err == nil && (len(got.Interfaces) == 0 || got.Interfaces[0].Host != "") {
			t.Errorf("interfaces %+v", got.Interfaces)
		}
		return err
	}, []bound[flow.Snapshot]{
		{"a long interface", func(s *flow.Snapshot) { s.Interfaces[1].Name = strings.Repeat("x", maxName) }, true},
		{"a longer one", func(s *flow.Snapshot) { s.Interfaces[1].Name = strings.Repeat("x", maxName+1) }, false},
		{"a long process", process(maxName), true},
		{"a longer one", process(maxName + 1), false},
		{"a long server", func(s *flow.Snapshot) {
			s.Flows[0].Server = &flow.ServerName{Name: strings.Repeat("x", maxName), Source: flow.NameSNI}
		}, true},
		{"a longer one", func(s *flow.Snapshot) {
			s.Flows[0].Server = &flow.ServerName{Name: strings.Repeat("x", maxName+1), Source: flow.NameSNI}
		}, false},
		{"the fastest", func(s *flow.Snapshot) { s.Flows[0].Origin.BPS = fastest }, true},
		{"faster", func(s *flow.Snapshot) { s.Flows[0].Reply.BPS = 2 * fastest }, false},
		{"endless packets", func(s *flow.Snapshot) { s.Flows[0].Reply.PPS = 2 * fastest }, false},
	})
}

// Flows that cannot be compressed take several pages, none of which is too long.
func TestPagesOfLongNames(t *testing.T) {
	s := randomSnapshot(300)
	for i := range s.Flows {
		s.Flows[i].Holding.Process = &flow.Process{PID: 1, Name: noise(maxName*2/3, i)}
	}
	pages, err := Pages(s, rowsOf(s))
	if err != nil || len(pages) < 2 {
		t.Fatalf("error %v, %d pages", err, len(pages))
	}
	n := 0
	for _, page := range pages {
		one, err := DecodePage(context.Background(), page)
		if err != nil || len(page) > MaxPage-maxHead {
			t.Fatalf("error %v, %d bytes", err, len(page))
		}
		for i := range one.Flows {
			if one.Flows[i].ID != s.Flows[n].ID {
				t.Fatalf("flow %d is %s", n, one.Flows[i].ID)
			}
			n++
		}
	}
	if n != len(s.Flows) {
		t.Errorf("%d flows", n)
	}
}

// Events for which a message has no room are lost, and counted.
func TestEventsWithoutRoom(t *testing.T) {
	event := func(i int) flow.Event {
		e := flow.Event{ID: flow.ID(i + 1), Type: flow.EventNew, Time: time.Unix(1e9, 0).UTC()}
		e.Tuple = randomSnapshot(1).Flows[0].Tuple
		e.Holding.Process = &flow.Process{PID: 1, Name: noise(1000, i)}
		return e
	}
	var e Events
	for i := range MaxEvents {
		e.Events = append(e.Events, event(i))
	}
	e.Lost = 5
	message, err := e.Encode()
	if err != nil || len(message) > MaxPage {
		t.Fatalf("error %v, %d bytes", err, len(message))
	}
	got, err := DecodeEvents(message)
	if err != nil || len(got.Events) == 0 || len(got.Events)+int(got.Lost) != MaxEvents+5 || len(got.Events) < 50 {
		t.Errorf("error %v, %d events, %d lost", err, len(got.Events), got.Lost)
	}
	for n, lost := range map[int]uint64{MaxEvents: 0, MaxEvents + 1: 1} {
		few := Events{Events: make([]flow.Event, n)}
		for i := range few.Events {
			few.Events[i] = event(i)
			few.Events[i].Holding = flow.Holding{}
		}
		message, err := few.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeEvents(message); err != nil || got.Lost != lost || len(got.Events) != MaxEvents {
			t.Errorf("%d events: error %v, %d arrive, %d lost", n, err, len(got.Events), got.Lost)
		}
	}
}

// noise is a text that cannot be compressed.
func noise(n, seed int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	b := make([]byte, n)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = letters[x>>58]
	}
	return string(b)
}
