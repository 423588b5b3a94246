package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
)

// What the server says of a host's message goes to no other host's heartbeat, which would
// then be forgotten.
func TestAcknowledgements(t *testing.T) {
	w := newWorld(t)
	evil, good, bob := w.key(fleet.RoleHost, "evil"), w.key(fleet.RoleHost, "good"), w.key(fleet.RoleViewer, "bob")
	s := evil.Space()
	_, end := w.host(good, newSource(1, 1))
	c := w.client(bob)
	w.eventually("it is here", func() bool { return here(t, c) == "good" })
	end()
	w.eventually("it has left", func() bool { return here(t, c) == "!good" })
	e := w.raw(evil)
	if err := errors.Join(e.PublishRequest(s.Audit("evil"), s.Heartbeat("good"), []byte("{}")), e.Publish(s.Heartbeat("evil"), heartbeat), e.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	// The server answers in order.
	w.stored(w.raw(bob), s.Heartbeat("evil"))
	late := w.client(bob)
	w.eventually("the other host", func() bool { return strings.Contains(here(t, late), "evil") })
	if names := here(t, late); names != "evil !good" {
		t.Errorf("the hosts are %s", names)
	}
}

var heartbeat = fleet.Heartbeat{Every: 60, Started: time.Now()}.Encode()

// answers has a connection answer every question to its host.
func answers(t *testing.T, n *nats.Conn, s fleet.Space, host string, answer func(q fleet.Question) []*fleet.Head, page []byte) {
	t.Helper()
	_, err := n.Subscribe(s.Question(fleet.All), func(m *nats.Msg) {
		q, err := fleet.DecodeQuestion(m.Data)
		if err != nil {
			return
		}
		for _, h := range answer(q) {
			text, err := h.Message(page)
			if err == nil {
				_ = n.Publish(s.Answer(host, q.To), text)
			}
		}
	})
	if err := errors.Join(err, n.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
}

// A host that repeats a page, leaves one out or never ends is missed, and what the others
// say is complete.
func TestAnswersWithoutEnd(t *testing.T) {
	w := newWorld(t)
	s := fleet.Space("main")
	evil, good, bob := w.key(fleet.RoleHost, "evil"), w.key(fleet.RoleHost, "good"), w.key(fleet.RoleViewer, "bob")
	w.host(good, newSource(1, 3))
	e := w.raw(evil)
	pages, err := fleet.Pages(&flow.Snapshot{Time: time.Now()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Publish(s.Heartbeat("evil"), heartbeat), e.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	answers(t, e, s, "evil", func(fleet.Question) []*fleet.Head { return []*fleet.Head{{Page: 0}, {Page: 0}, {Page: 2, Last: true}} }, pages[0])
	c := w.client(bob)
	w.eventually("both are there", func() bool { return here(t, c) == "evil good" })
	var all *client.Flows
	w.eventually("only one of both is missed", func() bool { // where the other one is not too busy
		all, err = c.Ask(context.Background(), fleet.View{})
		return err == nil && len(all.Missing) < 2 && len(all.Failed) == 0
	})
	if len(all.Missing) != 1 || all.Missing[0] != "evil" || all.Hosts != 2 || len(all.Flows) != 3 {
		t.Errorf("%+v", all)
	}
}

// A host with ever more interfaces takes no place of the others, and rows without end are
// none.
func TestRowsOfHostileHosts(t *testing.T) {
	w := newWorld(t)
	s := fleet.Space("main")
	evil, good, bob := w.key(fleet.RoleHost, "evil"), w.key(fleet.RoleHost, "good"), w.key(fleet.RoleViewer, "bob")
	e := w.raw(evil)
	leases, err := e.SubscribeSync(s.Watch())
	if err := errors.Join(err, e.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	c := w.client(bob)
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The reader sends its lease behind its subscription.
	if _, err := leases.NextMsg(waitTimeout); err != nil {
		t.Fatal(err)
	}
	subject := s.Top("evil", fleet.View{Sort: "rate:desc", Limit: fleet.MaxTop}.Name())
	const messages = 600
	for i := 1; i <= messages; i++ {
		x := newSource(1, fleet.MaxTop).snapshot.Load()
		x.Time = time.Now()
		x.Interfaces = nil
		var rows []*flow.Flow
		for j := range x.Flows {
			x.Interfaces = append(x.Interfaces, flow.Interface{Name: fmt.Sprintf("v%d", i*fleet.MaxTop+j)})
			x.Flows[j].In = uint16(j)
			x.Flows[j].Tuple.Zone = uint16(j + 1)
			rows = append(rows, &x.Flows[j])
		}
		pages, err := fleet.Pages(x, rows)
		if err != nil {
			t.Fatal(err)
		}
		head := fleet.Head{Last: true, Matching: i}
		for j := range fleet.MaxInterfaces {
			head.Interfaces = append(head.Interfaces, flow.Interface{Name: fmt.Sprintf("w%d", i*fleet.MaxInterfaces+j)})
		}
		text, err := head.Message(pages[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.Publish(subject, text), e.FlushTimeout(waitTimeout)); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(waitTimeout); r.State().Matching != i; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it has not taken message %d", i)
			}
		}
		r.Snapshot()
	}
	w.host(good, newSource(1000, 3))
	shown(w, r, "the rows of another host", func(x *flow.Snapshot) bool {
		return slices.ContainsFunc(x.Flows, func(f flow.Flow) bool { return x.Interfaces[f.In].Host == "good" })
	})
}
