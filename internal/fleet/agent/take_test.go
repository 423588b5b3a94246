package agent

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
	"ctop/tracker/flow"
)

// An act is done to the flows that are there, by whom the server knows, and its outcome is
// answered, audited and known again.
func TestTakeAct(t *testing.T) {
	n := newNear(t, 5)
	n.actor.done = flow.Outcome{Done: 1, Gone: 1, Unsent: 4}
	began := time.Now()
	s := n.order("1", asItIs)
	o, audited := n.take(s)
	if o.State != fleet.Done || o.Done != 1 || o.Gone != 2 || o.Unsent != 4 || o.Count != 3 || o.By != "ann" || o.Act != "delete" || o.Host != "edge-1" || o.Error != "" || o.Sum != s.Sum() || o.Time.Before(began) {
		t.Errorf("the outcome is %+v", o)
	}
	if len(o.Flows) != 2 || !strings.HasSuffix(o.Flows[0], " "+n.source.latest.Flows[1].Tuple.String()) || len(audited) != 1 || audited[0].State != fleet.Done {
		t.Errorf("%+v, audited %+v", o.Flows, audited)
	}
	a := n.actor.acts[0]
	if len(a.Flows) != 2 || a.Flows[0].ID != 2 || a.Kind != flow.ActDelete || a.By != (flow.Requester{Role: "operator", Fingerprint: o.Key, Name: "ann", Address: "fleet main"}) {
		t.Errorf("it does %+v", a)
	}
	if again, audited := n.take(s); again.Done != 1 || len(n.actor.acts) != 1 || len(audited) != 0 {
		t.Errorf("a repeat is done again: %+v", again)
	}
	if o, _ := n.take(n.order("1", func(o *fleet.Order) { o.Flows = o.Flows[:1] })); o.State != fleet.Refused || o.Error != fleet.ErrReused.Error() || len(n.actor.acts) != 1 {
		t.Errorf("another act with its id: %+v", o)
	}
	if !strings.Contains(n.log.String(), "an act of the fleet is refused") || !strings.Contains(n.log.String(), `msg="an act of the fleet" act=delete by=ann flows=3 done=1 state=done`) {
		t.Errorf("the log has %s", n.log)
	}
}

// What becomes of acts that are not done, or not wholly.
func TestFatesOfActs(t *testing.T) {
	for i, c := range []struct {
		change func(o *fleet.Order)
		err    error
		acts   int
		want   fleet.Outcome
	}{
		{func(o *fleet.Order) { o.Flows = []flow.ID{98, 99} }, nil, 0, fleet.Outcome{State: fleet.Done, Gone: 2, Count: 2, Act: "delete"}},
		{asItIs, flow.ErrFlowGone, 1, fleet.Outcome{State: fleet.Done, Gone: 1, Count: 3, Act: "delete"}},
		{asItIs, errors.New("no"), 1, fleet.Outcome{State: fleet.Failed, Gone: 1, Count: 3, Act: "delete", Error: "no"}},
		{func(o *fleet.Order) { o.Host = "edge-2" }, nil, 0, fleet.Outcome{State: fleet.Refused, Count: 3, Act: "delete", Error: fleet.ErrNotHere.Error()}},
		{func(o *fleet.Order) { o.Expires = time.Now().Add(-time.Minute) }, nil, 0, fleet.Outcome{State: fleet.Refused, Count: 3, Act: "delete", Error: fleet.ErrLate.Error()}},
		{func(o *fleet.Order) { o.ID = "short" }, nil, 0, fleet.Outcome{State: fleet.Refused, Error: fleet.ErrBadOrder.Error()}},
		{func(o *fleet.Order) {
			o.Kind, o.Flows, o.Timeout, o.Duration = flow.ActTimeout, nil, flow.ICMP, time.Minute
		}, nil, 1, fleet.Outcome{State: fleet.Done, Count: 1, Act: "timeout", Flows: []string{"icmp=1m0s"}}},
	} {
		n := newNear(t, 5)
		n.actor.err = c.err
		o, audited := n.take(n.order("1", c.change))
		if o.State != c.want.State || o.Gone != c.want.Gone || o.Count != c.want.Count || o.Act != c.want.Act || o.Error != c.want.Error || c.want.Flows != nil && !slices.Equal(o.Flows, c.want.Flows) {
			t.Errorf("%d: %+v", i, o)
		}
		if len(n.actor.acts) != c.acts || len(audited) != 1 || audited[0].State != c.want.State {
			t.Errorf("%d: it does %d acts, audited %+v", i, len(n.actor.acts), audited)
		}
	}
}

// A line of the audit names so many flows.
func TestListedFlows(t *testing.T) {
	n := newNear(t, listedFlows+1)
	o, _ := n.take(n.order("1", func(o *fleet.Order) {
		o.Flows = nil
		for i := range listedFlows + 1 {
			o.Flows = append(o.Flows, flow.ID(i+1))
		}
	}))
	if len(o.Flows) != listedFlows || len(n.actor.acts[0].Flows) != listedFlows+1 {
		t.Errorf("it names %d flows of %d", len(o.Flows), len(n.actor.acts[0].Flows))
	}
}

// Without a journal or an actor no act is taken, and what cannot be audited is not done.
func TestActsThatAreNotTaken(t *testing.T) {
	for i, take := range []func(n *near){func(n *near) { n.Journal = nil }, func(n *near) { n.Actor = nil }} {
		n := newNear(t, 5)
		take(n)
		if o, audited := n.take(n.order("1", asItIs)); o.State != fleet.Refused || o.Error != errNoActs.Error() || len(audited) != 0 || len(n.actor.acts) != 0 {
			t.Errorf("%d: %+v", i, o)
		}
	}
	n := newNear(t, 5)
	n.Journal = nil
	if o, audited := n.take(n.order("1", func(o *fleet.Order) { o.Host = "x" })); o.State != fleet.Refused || len(audited) != 0 {
		t.Errorf("%+v, audited %+v", o, audited)
	}
	n = newNear(t, 5)
	_ = n.Journal.Close()
	if o, _ := n.take(n.order("1", asItIs)); o.State != fleet.Refused || !strings.Contains(o.Error, "write the journal") || len(n.actor.acts) != 0 {
		t.Errorf("%+v", o)
	}
	if o, _ := n.take(n.order("2", func(o *fleet.Order) { o.Host = "x" })); o.State != fleet.Refused || !strings.Contains(n.log.String(), "the refused act is not in the journal") {
		t.Errorf("%+v; %s", o, n.log)
	}
	o := n.conclude(fleet.Outcome{ID: "x", State: fleet.Done})
	if known, ok := n.Journal.Known("x"); !ok || known.State != fleet.Unknown || o.State != fleet.Unknown || o.Error == "" || !strings.Contains(n.log.String(), "the outcome of an act is not in the journal") {
		t.Errorf("%+v is known as %+v", o, known)
	}
	n = newNear(t, 5)
	n.takeAct(context.Background(), &nats.Msg{Data: []byte("{")})
	n.ending = true
	n.takeAct(context.Background(), &nats.Msg{Data: n.order("1", asItIs).Encode()})
	if n.Stats().Failed != 2 || len(n.said()) != 0 || len(n.actor.acts) != 0 {
		t.Errorf("%+v", n.Stats())
	}
}

// A console hears the events that pass its filter, as many as it may, and how many it does not.
func TestTell(t *testing.T) {
	event := func(port int) flow.Event {
		return flow.Event{
			Time: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC), Type: flow.EventNew, ID: 7, To: flow.StateNew, Interface: "eth0",
			Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd(fmt.Sprintf("192.0.2.1:%d", port))},
		}
	}
	many := func(n int) (list []flow.Event) {
		for range n {
			list = append(list, event(443))
		}
		return list
	}
	for i, c := range []struct {
		events      []flow.Event
		next        uint64
		left        float64
		told        int
		lost, total uint64
		leaves      float64
	}{
		{nil, 10, 5, 0, 0, 0, 5},
		{[]flow.Event{event(80)}, 11, 5, 0, 0, 0, 5},
		{[]flow.Event{event(443), event(80), event(443)}, 13, 5, 2, 0, 102, 3},
		{many(3), 20, 5, 3, 7, 110, 2},
		{many(3), 13, 2, 2, 1, 103, 0},
		{many(3), 13, 0.5, 0, 3, 103, 0.5},
		{[]flow.Event{{Type: flow.EventLost, Lost: 4}, event(443)}, 12, 5, 1, 4, 105, 4},
		{many(fleet.MaxEvents + 2), 10 + fleet.MaxEvents + 2, 1e9, fleet.MaxEvents, 2, 100 + fleet.MaxEvents + 2, 1e9 - fleet.MaxEvents},
		{nil, 3, 5, 0, 0, 0, 5}, // the log began again
	} {
		n := newNear(t, 0)
		n.Events = func(after uint64) ([]flow.Event, uint64) {
			if after != 10 {
				t.Errorf("%d: it asks for those after %d", i, after)
			}
			return slices.Clone(c.events), c.next
		}
		to, err := newEar("on:edge-1 dport:443", time.Unix(0, 55), 10)
		if err != nil {
			t.Fatal(err)
		}
		to.left, to.total = c.left, 100
		n.tell("x", to)
		list := n.said()
		if to.next != c.next || to.left != c.leaves || (len(list) == 1) != (c.told > 0 || c.lost > 0) {
			t.Errorf("%d: it says %d messages, %+v", i, len(list), to)
		}
		if len(list) == 0 {
			continue
		}
		e, err := fleet.DecodeEvents(list[0].Data)
		if err != nil || len(e.Events) != c.told || e.Lost != c.lost || e.Total != c.total || e.Since != 55 || list[0].Subject != n.space.Events("edge-1", "x") {
			t.Errorf("%d: it tells %d events, %d lost of %d, %v", i, len(e.Events), e.Lost, e.Total, err)
		}
	}
}
