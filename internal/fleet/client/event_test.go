package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/tracker/flow"
)

// journalOf is a log of events that counts how often it is read.
type journalOf struct {
	mu    sync.Mutex
	list  []flow.Event
	reads int
}

func (l *journalOf) add(n, port int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		id := len(l.list) + 1
		l.list = append(l.list, flow.Event{
			Time: time.Now().UTC(), Type: flow.EventNew, ID: flow.ID(port<<32 + id), To: flow.StateNew, Interface: "eth0",
			Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd(fmt.Sprintf("10.0.%d.%d:1000", id>>8&255, id&255)), Dst: flow.MustParseEnd(fmt.Sprintf("192.0.2.1:%d", port))},
		})
	}
}

func (l *journalOf) lose(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, flow.Event{Type: flow.EventLost, Lost: n})
}

func (l *journalOf) after(n uint64) ([]flow.Event, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	all := uint64(len(l.list))
	return slices.Clone(l.list[min(n, all):]), all
}

func (l *journalOf) readings() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

// counted is what a listener has heard: events by host and port, and the lost ones by host.
type counted map[string]int

func (c counted) take(events []flow.Event) {
	for _, e := range events {
		if e.Type == flow.EventLost {
			c[e.Host+" lost"] += int(e.Lost)
		} else {
			c[fmt.Sprint(e.Host, " ", e.Tuple.Dst.Port())]++
		}
	}
}

// Hosts tell what passes the filter, and nothing while nobody listens. What they leave out
// and what their trackers have lost is counted, so that nothing is missing silently.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	first, second := &journalOf{}, &journalOf{}
	a, _ := w.hostWith(w.key(fleet.RoleHost, "edge-1"), agent.Options{Source: newSource(1, 1), Events: first.after})
	w.hostWith(w.key(fleet.RoleHost, "core-2"), agent.Options{Source: newSource(10, 1), Events: second.after})
	c := w.client(w.key(fleet.RoleViewer, "ann"))
	w.eventually("two hosts", func() bool { return here(t, c) == "core-2 edge-1" })
	first.add(1000, 443) // nobody listens
	if first.readings() != 0 {
		t.Error("the log is read while nobody listens")
	}
	l := c.NewListener(context.Background())
	defer l.Close()
	l.Listen("on:edge-* dport:443", true)
	w.eventually("it listens", func() bool { return first.readings() > 1 && second.readings() > 1 })
	got, at := counted{}, uint64(0)
	heard := func(what string, host string, n int) {
		t.Helper()
		w.eventually(what, func() bool {
			events, next := l.Events(at)
			got.take(events)
			at = next
			return got[host] == n
		})
	}
	first.add(20, 443)
	first.add(20, 80)
	second.add(20, 443)
	heard("those of the filter", "edge-1 443", 20)
	first.lose(7)
	heard("what the tracker lost", "edge-1 lost", 7)
	// Of a flood there is a part, and the number of the rest.
	first.add(5000, 443)
	w.eventually("the whole flood", func() bool {
		events, next := l.Events(at)
		got.take(events)
		at = next
		return got["edge-1 443"]+got["edge-1 lost"] == 20+7+5000
	})
	if got["edge-1 443"] > 20+2*fleet.EventBudget(2) || got["edge-1 443"] == 20 || len(got) != 2 {
		t.Errorf("it has heard %v", got)
	}
	l.Listen("", false)
	w.eventually("nobody reads the log", func() bool {
		before := first.readings()
		time.Sleep(600 * time.Millisecond) // more than two readings, if it were read
		return first.readings() == before
	})
	if a.Stats().Failed != 0 {
		t.Errorf("%+v", a.Stats())
	}
}

// The iterator of events has each once, however they come.
func TestEventsAsTheyCome(t *testing.T) {
	w := newWorld(t)
	log := &journalOf{}
	w.hostWith(w.key(fleet.RoleHost, "edge-1"), agent.Options{Source: newSource(1, 1), Events: log.after})
	c := w.client(w.key(fleet.RoleViewer, "ann"))
	w.eventually("it is here", func() bool { return here(t, c) == "edge-1" })
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	go func() {
		for log.readings() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		log.add(3, 53)
	}()
	n, seen := 0, map[flow.ID]bool{}
	for e, err := range c.Events(ctx, "") {
		if err != nil || e.Host != "edge-1" || e.Tuple.Dst.Port() != 53 {
			t.Fatalf("%v: %+v", err, e)
		}
		if seen[e.ID] {
			t.Fatalf("event %d, of flow %s, comes again", n, e.ID)
		}
		seen[e.ID] = true
		if n++; n == 3 {
			log.add(2, 53)
		}
		if n == 5 {
			break
		}
	}
	if n != 5 {
		t.Errorf("%d events", n)
	}
}

// A host that floods a console with events, lies about numbers or speaks as another one takes
// nothing of what the others tell.
func TestHostileTellers(t *testing.T) {
	w := newWorld(t)
	log := &journalOf{}
	evil := w.key(fleet.RoleHost, "evil")
	w.hostWith(w.key(fleet.RoleHost, "good"), agent.Options{Source: newSource(1, 1), Events: log.after})
	c := w.client(w.key(fleet.RoleViewer, "ann"))
	w.eventually("it is here", func() bool { return here(t, c) == "good" })
	l := c.NewListener(context.Background())
	defer l.Close()
	l.Listen("", true)
	e, s := w.raw(evil), evil.Space()
	subject, began := fleet.Watch{Kind: fleet.WatchEvents}.Name(), time.Now()
	send := func(host string, told fleet.Events) {
		t.Helper()
		text, err := told.Encode()
		if err == nil {
			err = e.Publish(s.Events(host, subject), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	one := flow.Event{
		Time: time.Now(), Type: flow.EventNew, ID: 1, To: flow.StateNew, Host: "good",
		Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2")},
	}
	for i := range 2000 {
		send("evil", fleet.Events{Since: int64(i), Total: 1 << 63, Lost: 1 << 39, Events: slices.Repeat([]flow.Event{one}, 100)})
	}
	send("good", fleet.Events{Total: 1, Events: []flow.Event{one}}) // the server takes none of it
	if err := errors.Join(e.Publish(s.Events("evil", subject), make([]byte, 900_000)), e.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	w.eventually("it listens", func() bool { return log.readings() > 0 })
	log.add(5, 53)
	got, at := counted{}, uint64(0)
	w.eventually("the events of the other host", func() bool {
		events, next := l.Events(at)
		got.take(events)
		at = next
		return got["good 53"] == 5
	})
	// A console takes 16 messages of a host at once, and 8 a second.
	if most := 100 * (16 + 8*(1+int(time.Since(began).Seconds()))); got["evil 2"] > most || got["good 2"] != 0 {
		t.Errorf("it has heard %v, at most %d of the flood", got, most)
	}
}
