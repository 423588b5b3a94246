package client

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// reading returns a reader without a connection.
func reading() *Reader {
	return &Reader{client: apart(), listener: listening(), tops: map[string]*top{}, index: map[place]uint16{}, places: map[string]int{}}
}

// rowsOf returns what a host publishes of one flow.
func rowsOf(t *testing.T, id flow.ID) (fleet.Head, []byte) {
	t.Helper()
	f := flow.Flow{
		ID: id, State: flow.StateEstablished, Timeout: time.Hour, Age: time.Minute, Idle: time.Second,
		Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("192.0.2.1:443")},
	}
	s := &flow.Snapshot{Time: time.Now(), MaxFlows: 100, Interfaces: faces("eth0"), Timeouts: flow.DefaultTimeouts(), Flows: []flow.Flow{f}}
	pages, err := fleet.Pages(s, []*flow.Flow{&s.Flows[0]})
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Head{Flows: 10, Matching: 5, BPS: 800, Last: true}, pages[0]
}

// A reader shows the newest rows of each host for its view, older by as much as passed since
// they came, until the host has been silent for five seconds.
func TestRowsOfHosts(t *testing.T) {
	r := reading()
	space := r.client.space
	take := func(host string, id flow.ID, v fleet.View, header nats.Header) {
		t.Helper()
		head, page := rowsOf(t, id)
		message, err := head.Message(page)
		if err != nil {
			t.Fatal(err)
		}
		r.take(v, &nats.Msg{Subject: space.Top(host, "x"), Data: message, Header: header})
	}
	if s := r.Snapshot(); s != nil {
		t.Errorf("before the first rows there are %+v", s)
	}
	take("a", 1, r.view, nil)
	take("a", 2, r.view, nil)
	take("b", 3, r.view, nil)
	take("c", 4, fleet.View{Filter: "udp"}, nil)
	take("@", 5, r.view, nil)
	take("d", 6, r.view, nats.Header{"Nats-Subject": {"x"}})
	r.take(r.view, &nats.Msg{Subject: space.Top("e", "x"), Data: []byte("x")})
	now := r.tops["a"].at.Add(3 * time.Second)
	r.tops["b"].at = now.Add(time.Hour) // the clock was set
	s := r.snapshotAt(now)
	if s == nil || len(s.Flows) != 2 || s.BPS != 1600 || s.MaxFlows != 200 || r.hostOf(2) != "a" || r.hostOf(3) != "b" || r.hostOf(1) != "" {
		t.Fatalf("it shows %+v", s)
	}
	for i := range s.Flows {
		f := &s.Flows[i]
		older := f.Age - time.Minute
		if f.Idle-time.Second != older || f.ID == 2 && older != 3*time.Second || f.ID == 3 && older != 0 {
			t.Errorf("flow %d is %s old, idle for %s", f.ID, f.Age, f.Idle)
		}
	}
	if again := r.snapshotAt(now.Add(forget - 3*time.Second)); again != s {
		t.Error("rows that did not change are another snapshot")
	}
	r.client.hosts["a"], r.client.hosts["z"] = &Host{Name: "a"}, &Host{Name: "z", Answered: true}
	state := r.State()
	if state.Flows != 20 || state.Matching != 10 || len(state.Hosts) != 2 || !state.Hosts[0].Answered || state.Hosts[1].Answered {
		t.Errorf("the state is %+v", state)
	}
	if s := r.snapshotAt(now.Add(forget - 3*time.Second + 1)); len(s.Flows) != 1 || s.Flows[0].ID != 3 || r.hostOf(2) != "a" {
		t.Errorf("of a silent host it shows %+v", s.Flows)
	}
}

// Rows that cannot be read are none, and those of others are shown.
func TestRowsThatCannotBeRead(t *testing.T) {
	r, now := reading(), time.Now()
	head, page := rowsOf(t, 1)
	r.tops["a"], r.tops["b"], r.changed = &top{at: now, head: head, page: page}, &top{at: now, head: head, page: []byte("x")}, true
	if s := r.snapshotAt(now); len(s.Flows) != 1 || s.BPS != 800 || r.tops["b"] != nil {
		t.Errorf("it shows %+v", s)
	}
	if r.tops["a"].page != nil {
		t.Error("a page is kept that was read")
	}
}

// Interfaces keep their places while a reader is open. They begin again when a host has had too
// many, once a minute at most.
func TestPlacesBeginAgain(t *testing.T) {
	r := reading()
	head, page := rowsOf(t, 1)
	r.tops["b"] = &top{head: head, page: page}
	now := time.Now()
	r.latest = r.merge(now)
	r.tops["a"] = &top{head: head, page: page}
	r.latest = r.merge(now)
	list := r.latest.Interfaces
	if len(list) != 2 || list[0].Host != "b" || list[1].Host != "a" || r.full {
		t.Fatalf("the interfaces are %+v", list)
	}
	delete(r.tops, "b")
	r.full, r.begun = true, now
	if r.latest = r.merge(now.Add(rebegin)); len(r.latest.Interfaces) != 2 {
		t.Errorf("within a minute there are %+v", r.latest.Interfaces)
	}
	r.full = true
	now = now.Add(rebegin + 1)
	if r.latest = r.merge(now); len(r.latest.Interfaces) != 1 || len(r.index) != 1 || !r.begun.Equal(now) {
		t.Errorf("after a minute there are %+v", r.latest.Interfaces)
	}
	r.listener.add(flow.Event{ID: 1, Host: "a", Interface: "eth0"}, flow.Event{ID: 2, Host: "b", Interface: "eth0"})
	events, next := r.Events(0)
	if len(events) != 2 || next != 2 || events[0].In != 0 || events[1].In != nowhere {
		t.Errorf("the events are %+v", events)
	}
}
