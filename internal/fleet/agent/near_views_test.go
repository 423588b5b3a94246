package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// The rows of a view are published with a new snapshot, and of the same one every two seconds.
func TestPublishViews(t *testing.T) {
	n := newNear(t, 9)
	v, err := newView(fleet.View{Filter: "tcp", Sort: "rate:desc", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	one := &lease[*view]{of: v}
	n.source.latest.Time = time.Now().Add(-time.Hour)
	now := time.Now()
	rows := func(want ...flow.ID) {
		t.Helper()
		n.publishViews([]*lease[*view]{one}, now)
		heads, ids := n.answers()
		if !slices.Equal(ids, want) || len(want) > 0 && (len(heads) != 1 || heads[0].Matching != 9 || heads[0].BPS != 45 || !heads[0].Last || heads[0].Flows != 9) {
			t.Errorf("it publishes %d: %+v", ids, heads)
		}
	}
	rows(9, 8, 7)
	if lag := n.Stats().Lag; lag < time.Hour || lag > 2*time.Hour {
		t.Errorf("the lag is %s", lag)
	}
	now = now.Add(same - 1)
	rows()
	now = now.Add(1)
	rows(9, 8, 7)
	again := *n.source.latest
	n.source.latest = &again
	rows(9, 8, 7)
	n.source.latest = nil
	rows()
	n.publishTop(snapshotOf(2500), &view{View: fleet.View{Limit: 2500}, by: v.by})
	if n.Stats().Failed != 1 || len(n.said()) != 0 {
		t.Errorf("rows on several pages: %+v", n.Stats())
	}
}

// Leases of each kind begin what they are about, and what is no lease is counted.
func TestTakeWatch(t *testing.T) {
	n := newNear(t, 3)
	n.Events = func(after uint64) ([]flow.Event, uint64) { return nil, min(after, 42) }
	began := time.Now()
	for _, w := range []fleet.Watch{
		{View: fleet.View{Sort: "rate:desc", Limit: 5}},
		{Kind: fleet.WatchEvents},
		{Kind: fleet.WatchSummary},
		{Kind: fleet.WatchEvents, View: fleet.View{Filter: "dport:"}},
		{Kind: "x"},
	} {
		n.takeWatch(&nats.Msg{Subject: n.space.WatchOf("ann"), Data: w.Encode()})
	}
	s := n.Stats()
	inTime := time.Since(began) < fleet.Lease
	if inTime && s.Watches != 3 || s.Failed != 2 || !s.Connected || s.Reconnects != 0 {
		t.Errorf("%+v", s)
	}
	list, _ := n.ears.alive(began)
	if len(list) != 1 || list[0].of.next != 42 {
		t.Errorf("it listens from %+v", list)
	}
	key, alone := list[0].owner()
	if key != "ann" || !alone {
		t.Errorf("a lease is of %q alone: %t", key, alone)
	}
}

// A summary is one of all flows, and a sum that is published once is counted as such.
func TestPublishSum(t *testing.T) {
	n := newNear(t, 3)
	s, err := newSum(fleet.Watch{Kind: fleet.WatchSummary})
	if err != nil {
		t.Fatal(err)
	}
	n.publishSum(n.source.latest, &lease[*sum]{name: "x", of: s})
	list := n.said()
	if len(list) != 1 || list[0].Subject != n.space.Sums("edge-1", "x") || !s.published {
		t.Fatalf("it says %d messages", len(list))
	}
	if got, err := fleet.DecodeSummary(list[0].Data); err != nil || got.Flows != 3 || got.MaxFlows != 1000 {
		t.Errorf("%+v, %v", got, err)
	}
	if before := n.Stats(); before.Messages != 1 || before.Bytes != uint64(len(list[0].Data)) {
		t.Errorf("%+v", before)
	}
	n.client.Load().Close()
	if n.publish("x", nil); n.Stats().Failed != 1 || n.Stats().Messages != 1 || n.Stats().Connected {
		t.Errorf("%+v", n.Stats())
	}
}

// At the end an agent says good-bye. What its tracker warned of is over then.
func TestLeave(t *testing.T) {
	n := newNear(t, 3)
	n.source.latest.Warnings = flow.Pair{State: flow.PairAlone}.Warnings()
	if h := n.heartbeat(); len(h.Alarms) != 1 {
		t.Fatalf("%+v", h)
	}
	n.leave(n.client.Load())
	list := n.said()
	if len(list) != 1 || list[0].Subject != n.space.Heartbeat("edge-1") {
		t.Fatalf("it says %d messages", len(list))
	}
	if h, err := fleet.DecodeHeartbeat(list[0].Data); err != nil || !h.Leaving || len(h.Alarms) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	n.client.Load().Close()
	if n.leave(n.client.Load()); n.Stats().Failed != 0 {
		t.Errorf("without a server: %+v", n.Stats())
	}
}

// Of refused acts so many have a line in a minute. The next line says how many have none.
func TestRefusedPerMinute(t *testing.T) {
	n := newNear(t, 0)
	at := time.Now()
	lines := func(count int, later time.Duration) int64 {
		before := n.Journal.size
		at = at.Add(later)
		for range count {
			if err := n.Journal.Refuse(fleet.Outcome{Time: at, ID: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		return n.Journal.size - before
	}
	one := lines(1, 0)
	if got := lines(refusedPerMinute-1, 0); got != one*(refusedPerMinute-1) {
		t.Errorf("%d bytes, not %d", got, one*(refusedPerMinute-1))
	}
	if lines(3, time.Minute-1) != 0 || n.Journal.omitted != 3 {
		t.Errorf("%d have no line", n.Journal.omitted)
	}
	if got := lines(1, 1); got <= one || n.Journal.omitted != 0 {
		t.Errorf("the next line has %d bytes, like one of %d", got, one)
	}
	if got := lines(refusedPerMinute, 0); got >= one*refusedPerMinute || got < one*(refusedPerMinute-1) {
		t.Errorf("in the next minute it writes %d bytes", got)
	}
	if _, known := n.Journal.Known("x"); known {
		t.Error("a refused act is known again")
	}
}
