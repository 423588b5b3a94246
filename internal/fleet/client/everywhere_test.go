package client_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
)

// All hosts are asked for the flows of a conversation, also for those that have another
// tuple behind a translation. A host that is gone is said to be gone at once.
func TestEverywhere(t *testing.T) {
	w := newWorld(t)
	near, router, far := newSource(1, 3), newSource(11, 3), newSource(21, 3)
	inside := near.snapshot.Load().Flows[0].Tuple
	outside := inside
	outside.Src = flow.MustParseEnd("203.0.113.9:61000")
	s := router.snapshot.Load()
	s.Flows[1].Tuple, s.Flows[1].NAT, s.Translations = inside, 1, []flow.Tuple{outside}
	far.snapshot.Load().Flows[2].Tuple = outside.Reverse()
	w.host(w.key(fleet.RoleHost, "near"), near)
	w.host(w.key(fleet.RoleHost, "router"), router)
	_, end := w.host(w.key(fleet.RoleHost, "far"), far)
	c := w.client(w.key(fleet.RoleViewer, "bob"))
	w.eventually("all hosts", func() bool { return len(strings.Fields(here(t, c))) == 3 })
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all *client.Flows
	w.eventually("all hosts answer", func() bool {
		all, err = r.Everywhere(context.Background(), inside)
		return err == nil && all.Trouble() == ""
	})
	if got := ids(rows(all.Snapshot)); len(got) != 3 {
		t.Errorf("%v of 1, 12 and 23", got)
	}
	for i := range all.Interfaces {
		if all.Interfaces[i].Uptime != time.Minute {
			t.Errorf("the uptime of %s is %s", all.Interfaces[i].Host, all.Interfaces[i].Uptime)
		}
	}
	shown(w, r, "the flow of far", func(s *flow.Snapshot) bool { return len(s.Flows) == 9 })
	end()
	w.eventually("far has left", func() bool {
		for _, h := range c.Known() {
			if h.Name == "far" {
				return h.Leaving
			}
		}
		return false
	})
	if _, err := r.Inspect(context.Background(), flow.Ref{ID: 23}); err == nil || !strings.Contains(err.Error(), "far is gone") {
		t.Errorf("the detail of a host that is gone: %v", err)
	}
}

func rows(s *flow.Snapshot) (list []*flow.Flow) {
	for i := range s.Flows {
		list = append(list, &s.Flows[i])
	}
	return list
}
