package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"ctop/internal/filter"
	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// The groups and the sums of all hosts are those of their flows together: every group has what
// it is said to have, and at most its bound more. What is asked for is exact. A host that
// publishes nonsense is left out, and nothing is published while nobody looks.
func TestSums(t *testing.T) {
	w := newWorld(t)
	whole := &flow.Snapshot{}
	const hosts, flows = 45, 600 // so many that each host names a part of its groups only
	var agents []*agent.Agent
	for i := range hosts {
		s := newSource(1+i*1000, flows)
		x := s.snapshot.Load()
		for j := range x.Flows { // by source, some are at several hosts
			f := &x.Flows[j]
			f.Tuple.Src = flow.MustParseEnd(fmt.Sprintf("10.0.%d.%d:40000", (i*j)%3, (7*i+11*j)%250))
			f.Origin.Bytes = uint64(1000*i + j)
			whole.Flows = append(whole.Flows, *f)
		}
		a, _ := w.host(w.key(fleet.RoleHost, fmt.Sprintf("h%d", i)), s)
		agents = append(agents, a)
	}
	evil := w.key(fleet.RoleHost, "evil")
	e, space := w.raw(evil), evil.Space()
	c := w.client(w.key(fleet.RoleViewer, "ann"))
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(e.Publish(space.Heartbeat("evil"), heartbeat), e.FlushTimeout(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	w.eventually("all hosts", func() bool { return len(c.Known()) == hosts+1 })
	f, err := filter.Parse("dport:443")
	if err != nil {
		t.Fatal(err)
	}
	want := order.GroupRequest{Filter: f, Grouping: order.BySource, By: order.GroupBy{Sort: order.GroupBytes, Desc: true}}
	truth := map[order.GroupKey]order.Group{}
	brute := want
	brute.Snapshot = whole
	for _, g := range order.Talk(brute).Top {
		truth[g.Key] = g
	}
	var asked []order.GroupKey
	var got order.Groups
	answered := func() {
		t.Helper()
		name := fleet.Watch{Kind: fleet.WatchGroups, View: fleet.View{Filter: "dport:443"}, Groups: fleet.NewGroupView(want, hosts+1, asked)}.Name()
		for range 30 { // it is no groups, too long, or too much
			if err := errors.Join(e.Publish(space.Sums("evil", name), []byte("x")), e.Publish(space.Sums("h1", name), []byte("x")), e.Publish(space.Sums("evil", name), make([]byte, 800_000))); err != nil {
				t.Fatal(err)
			}
		}
		w.eventually("the groups of all hosts", func() bool {
			n := 0
			got, n, _ = r.Talk(want, asked)
			return n == hosts
		})
		for i := range got.Top {
			g := &got.Top[i]
			is, over := truth[g.Key], got.Over[g.Key]
			for sort := range order.NumGroupSorts {
				by := order.GroupBy{Sort: sort}
				if least := by.Value(g); least > by.Value(&is) || by.Value(&is) > least+over.Of(by) {
					t.Fatalf("%s has %v, and is said to have %v and up to %v more", g.Key.Net, by.Value(&is), least, over.Of(by))
				}
			}
		}
	}
	answered()
	if len(got.Over) == 0 || got.Sum.Flows != hosts*flows {
		t.Errorf("%d groups have bounds, of %d flows", len(got.Over), got.Sum.Flows)
	}
	for i := range got.Top {
		if _, open := got.Over[got.Top[i].Key]; open && len(asked) < fleet.MaxAsked {
			asked = append(asked, got.Top[i].Key)
		}
	}
	answered()
	for _, k := range asked {
		if _, open := got.Over[k]; open {
			t.Errorf("%s was asked for, and has a bound", k.Net)
		}
	}
	w.eventually("the summaries of all hosts", func() bool {
		list, _ := r.Summaries()
		var sum order.Summary
		for i := range list {
			sum = sum.Plus(&list[i].Summary)
		}
		return len(list) == hosts && list[0].Host == "h0" && sum.Flows == hosts*flows && sum.ByState[flow.StateEstablished] == hosts*flows
	})
	r.Close()
	w.eventually("nothing is published", func() bool { return agents[0].Stats().Watches == 0 })
}
