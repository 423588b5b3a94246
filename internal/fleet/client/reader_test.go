package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/client"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// shown waits until a reader shows what holds, and returns the snapshot.
func shown(w *world, r *client.Reader, what string, holds func(s *flow.Snapshot) bool) *flow.Snapshot {
	w.t.Helper()
	var s *flow.Snapshot
	w.eventually(what, func() bool {
		s = r.Snapshot()
		return s != nil && holds(s)
	})
	return s
}

// randomViews are filters and orders by which many flows are equal.
func randomViews(r *rand.Rand, n int) (list []fleet.View) {
	filters := []string{"", "tcp", "out_bytes>300", "src:10.0.1.0/24", "on:h1*", "!on:h3 out_packets>2"}
	for range n {
		by := order.By{Key: []string{"rate", "bytes", "packets", "origin", "reply", "id", "state"}[r.IntN(7)], Desc: r.IntN(2) == 0}
		list = append(list, fleet.View{Filter: filters[r.IntN(len(filters))], Sort: by.String()})
	}
	return list
}

// The first rows of a fleet are those of all its flows, by any order, those that are equal by
// their ids. They come again when another filter is typed, and nothing is sent when nobody
// looks.
func TestReader(t *testing.T) {
	w := newWorld(t)
	const hosts, flows = 20, 300
	ann := w.key(fleet.RoleOperator, "ann")
	random := rand.New(rand.NewPCG(1, 2))
	var all []flow.Flow
	var agents []*agent.Agent
	for i := range hosts {
		s := newSource(1+i*flows, flows)
		for j := range s.snapshot.Load().Flows { // rates that cross all hosts
			f := &s.snapshot.Load().Flows[j]
			f.Origin = flow.Half{BPS: float64(random.IntN(8)), Bytes: random.Uint64N(600), Packets: random.Uint64N(5)}
			all = append(all, *f)
		}
		a, _ := w.host(w.key(fleet.RoleHost, "h"+strconv.Itoa(i)), s)
		agents = append(agents, a)
	}
	c := w.client(ann)
	w.eventually("all hosts", func() bool { return len(strings.Fields(here(t, c))) == hosts })
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, view := range append(randomViews(random, 10), fleet.View{Filter: "on:h7", Sort: "id:asc"}) {
		r.Show(view.Filter, view.Sort)
		full := &flow.Snapshot{Interfaces: make([]flow.Interface, hosts)}
		for i := range all {
			f := all[i]
			f.In = uint16((int(f.ID) - 1) / flows)
			full.Interfaces[f.In] = flow.Interface{Name: "eth0", Host: fmt.Sprintf("h%d", f.In)}
			full.Flows = append(full.Flows, f)
		}
		f, by, err := view.Parse()
		if err != nil {
			t.Fatal(err)
		}
		want := ids(order.Arrange(order.Request{Snapshot: full, Filter: f, By: by}).Rows)
		want = want[:min(len(want), fleet.MaxTop)]
		shown(w, r, "the first of "+view.Filter+" by "+view.Sort, func(s *flow.Snapshot) bool {
			return slices.Equal(ids(order.First(s, f, by, fleet.MaxTop).Rows), want)
		})
		w.eventually("all hosts say how many flows they have", func() bool { return r.State().Flows == hosts*flows })
	}
	w.eventually("a host says what it knows of a flow", func() bool {
		o, err := r.Inspect(context.Background(), flow.Ref{ID: 7*flows + 1})
		return err == nil && o.NAT != nil
	})
	r.Close()
	w.eventually("no lease lives", func() bool {
		return !slices.ContainsFunc(agents, func(a *agent.Agent) bool { return a.Stats().Watches > 0 })
	})
}

func ids(rows []*flow.Flow) (list []flow.ID) {
	for _, f := range rows {
		list = append(list, f.ID)
	}
	return list
}

// still is a tracker that takes no snapshots.
type still struct{ *source }

func (s still) Snapshot() *flow.Snapshot { return s.snapshot.Load() }

// Rows of a snapshot that is the same as before are seldom sent again, and stay on the screen.
func TestRowsThatDoNotChange(t *testing.T) {
	w := newWorld(t)
	a, _ := w.host(w.key(fleet.RoleHost, "edge-1"), still{newSource(1, 5)})
	b, _ := w.host(w.key(fleet.RoleHost, "edge-2"), newSource(10, 5))
	c := w.client(w.key(fleet.RoleViewer, "ann"))
	w.eventually("two hosts", func() bool { return here(t, c) == "edge-1 edge-2" })
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	shown(w, r, "the rows of both", func(s *flow.Snapshot) bool { return len(s.Flows) == 10 })
	began, before, changing := time.Now(), a.Stats().Messages, b.Stats().Messages
	w.eventually("many rows of the other", func() bool {
		r.Snapshot()
		return b.Stats().Messages >= changing+14
	})
	shown(w, r, "the rows of both", func(s *flow.Snapshot) bool { return len(s.Flows) == 10 })
	// Rows every two seconds, a heartbeat every 7.5 s at most, and the first ones of either.
	sent, took := a.Stats().Messages-before, time.Since(began)
	if most := 3 + int(took/(2*time.Second)) + int(took/(7500*time.Millisecond)); int(sent) > most {
		t.Errorf("in %s it sent %d times, at most %d", took, sent, most)
	}
}
