package client

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// apart returns a client without a connection.
func apart() *Client { return &Client{space: "main", hosts: map[string]*Host{}} }

// The newest heartbeat of a host counts, of as many hosts as a fleet may have. One that said
// good-bye, or nothing for three heartbeats, is gone.
func TestLearn(t *testing.T) { synctest.Test(t, learns) }

func learns(t *testing.T) {
	c := apart()
	now := time.Now()
	beat := func(host string, flows int, at time.Time) {
		c.learn(c.space.Heartbeat(host), fleet.Heartbeat{Every: 10, Flows: flows}.Encode(), at, false)
	}
	beat("b", 1, now)
	beat("a", 2, now.Add(-31*time.Second))
	beat("b", 3, now.Add(-1)) // it was on its way for longer
	beat("b.c", 4, now)
	beat("@", 5, now)
	c.learn(c.space.Heartbeat("c"), []byte("{"), now, false)
	known := c.Known()
	if len(known) != 2 || known[0].Name != "a" || known[1].Name != "b" || known[1].Flows != 4 && known[1].Flows != 1 {
		t.Fatalf("it knows %+v", known)
	}
	if got := c.present(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("%q are present", got)
	}
	h := Host{Heartbeat: fleet.Heartbeat{Every: 10}, Heard: now}
	if h.Gone(now.Add(30*time.Second)) || !h.Gone(now.Add(30*time.Second+1)) {
		t.Error("a host is not gone after three heartbeats")
	}
	if h.Answered = true; h.Gone(now.Add(time.Hour)) {
		t.Error("a host that answers is gone")
	}
	if h.Leaving = true; !h.Gone(now) {
		t.Error("a host that said good-bye is not gone")
	}
	if why := c.gone("a"); why != "a is gone: it was heard of 31 seconds ago" || c.gone("b") != "" || c.gone("c") != "" {
		t.Errorf("it says %q", why)
	}
	for i := range fleet.MaxHosts {
		c.hosts["x"+strings.Repeat("y", i%3)+string(rune('a'+i%26))+time.Duration(i).String()] = &Host{}
	}
	if beat("new", 1, now); c.hosts["new"] != nil {
		t.Error("there are more hosts than a fleet may have")
	}
	if beat("b", 9, now.Add(1)); c.hosts["b"].Flows != 9 {
		t.Error("a known host is not heard any more")
	}
}

// A host may send so many messages at once, and then so many in a second.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, burst}, {time.Second, messagesPerSecond}, {time.Second / messagesPerSecond, 1}, {time.Millisecond, 0}, {time.Hour, burst}} {
		now = now.Add(c.after)
		n := 0
		for p.permits(now) {
			n++
		}
		if n != c.want {
			t.Errorf("%d messages %s later, want %d", n, c.after, c.want)
		}
	}
}

// What hosts say is kept for the lease that is read now, for as many hosts as a fleet may have.
func TestAdmit(t *testing.T) {
	n := &newest[int]{name: "now", hosts: map[string]*message[int]{}}
	now := time.Unix(1000, 0)
	if n.admit("before", "a", now) || len(n.hosts) != 0 {
		t.Error("a host is heard for a lease that is over")
	}
	for i := range burst {
		if !n.admit("now", "a", now) {
			t.Fatalf("message %d is not admitted", i)
		}
	}
	if n.admit("now", "a", now) {
		t.Error("a host sends without end")
	}
	for i := 0; len(n.hosts) < fleet.MaxHosts; i++ {
		n.hosts[time.Duration(i).String()] = &message[int]{}
	}
	if n.admit("now", "b", now) {
		t.Error("there are more hosts than a fleet may have")
	}
	l := &Listener{heard: map[string]*heard{}}
	if l.admit(fleet.Watch{Kind: fleet.WatchEvents}, "a", now) || !l.admit(l.watch, "a", now) {
		t.Error("a listener hears what is not for it")
	}
	for i := 0; len(l.heard) < fleet.MaxHosts; i++ {
		l.heard[time.Duration(i).String()] = &heard{}
	}
	if l.admit(l.watch, "b", now) {
		t.Error("a listener hears more hosts than a fleet may have")
	}
}

// Only what a host published itself for the lease is kept.
func TestTakeSummaries(t *testing.T) {
	c := apart()
	w := fleet.Watch{Kind: fleet.WatchSummary}
	n := &newest[order.Summary]{client: c, decode: decodeSummary, name: "now", hosts: map[string]*message[order.Summary]{}}
	text, err := fleet.EncodeSummary(order.Summary{Flows: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*nats.Msg{
		{Subject: c.space.Sums("stored", "now"), Data: text, Header: nats.Header{"Nats-Subject": {"x"}}},
		{Subject: c.space.Sums("@", "now"), Data: text},
		{Subject: c.space.Sums("broken", "now"), Data: text[:len(text)-1]},
		{Subject: c.space.Sums("a", "now"), Data: text},
	} {
		n.take("now", w, m)
	}
	for host, m := range n.hosts {
		if m.known != (host == "a") || m.known && (m.of.Flows != 7 || time.Since(m.at) > time.Minute) {
			t.Errorf("of %s it keeps %+v", host, m)
		}
	}
	if n.hosts["a"] == nil || n.hosts["stored"] != nil || n.hosts["@"] != nil {
		t.Errorf("it knows %d hosts", len(n.hosts))
	}
	n.name = "next"
	n.hosts["a"].known = false
	if n.take("now", w, &nats.Msg{Subject: c.space.Sums("a", "now"), Data: text}); n.hosts["a"].known {
		t.Error("what was said for a lease that is over is kept")
	}
}

// What the server says of a stored message is behind what the message says of itself.
func TestStated(t *testing.T) {
	m := &nats.Msg{Header: nats.Header{"X": {"forged", "true"}}}
	if stated(m, "X") != "true" || stated(m, "Y") != "" {
		t.Errorf("it states %q and %q", stated(m, "X"), stated(m, "Y"))
	}
}

// A view that hosts cannot parse is none of theirs.
func TestParses(t *testing.T) {
	if !parses(fleet.View{Filter: "tcp", Sort: "rate:desc"}) || parses(fleet.View{Filter: "dport:"}) {
		t.Error("a view parses that does not, or the other way round")
	}
}

// A reader knows the host of a flow of this snapshot and of the one before, of its latest
// event, and of the flow that is looked at.
func TestHostOf(t *testing.T) {
	r := &Reader{
		hosts: map[flow.ID]string{1: "now"}, before: map[flow.ID]string{1: "x", 2: "before"},
		listener: &Listener{events: []flow.Event{{ID: 3, Host: "first"}, {ID: 3, Host: "last"}, {ID: 3, Type: flow.EventLost, Host: "lost"}}},
	}
	for id, want := range map[flow.ID]string{1: "now", 2: "before", 3: "last", 4: ""} {
		if got := r.hostOf(id); got != want {
			t.Errorf("%d is of %q, want %q", id, got, want)
		}
	}
	if r.inspected(1) != "now" {
		t.Error("the host of a shown flow is not known")
	}
	if r.hosts = nil; r.inspected(2) != "before" {
		t.Error("the host of a flow of before is not known")
	}
	if r.before = nil; r.inspected(2) != "before" || r.inspected(5) != "" || r.inspected(2) != "" {
		t.Error("the host of the flow that is looked at is not known, or of one that is not")
	}
}
