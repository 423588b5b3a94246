package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/hub"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

const waitTimeout = 2 * time.Minute

// source is a tracker whose flows do not change.
type source struct {
	snapshot atomic.Pointer[flow.Snapshot]
	read     atomic.Int64
}

func newSource(first, n int) *source {
	s := &flow.Snapshot{
		Host: "machine", Policy: flow.PolicyObserve, MaxFlows: 65536, Uptime: time.Minute,
		Interfaces: []flow.Interface{{Name: "eth0", Role: flow.RoleWatch}},
		Counters:   flow.Counters{Packets: uint64(n), FlowsCreated: uint64(n)}, Timeouts: flow.DefaultTimeouts(),
	}
	for i := range n {
		id := first + i
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(id), State: flow.StateEstablished, Timeout: time.Hour,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP, Zone: 1,
				Src: flow.MustParseEnd(fmt.Sprintf("10.%d.%d.%d:40000", id>>16&255, id>>8&255, id&255)), Dst: flow.MustParseEnd("192.0.2.1:443"),
			},
			Origin: flow.Half{Packets: 1, Bytes: 100, BPS: float64(id)},
		})
	}
	x := &source{}
	x.snapshot.Store(s)
	return x
}

func (s *source) Status() *flow.Snapshot {
	now := *s.snapshot.Load()
	now.Time, now.Flows = time.Now(), nil
	return &now
}

func (s *source) Snapshot() *flow.Snapshot {
	s.read.Add(1)
	now := *s.snapshot.Load()
	now.Time = time.Now()
	return &now
}

func (s *source) Inspect(_ context.Context, ref flow.Ref) (flow.Inspection, error) {
	return flow.Inspection{NAT: &ref.Tuple}, nil
}

// world is a hub, some hosts and an operator.
type world struct {
	t       testing.TB
	dir     hub.Dir
	address string
	url     string
	endHub  func()
	// taken is how many keys the hub works by.
	taken atomic.Int64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: hub.Dir(t.TempDir()), address: ownAddress() + ":0"}
	w.startHub()
	return w
}

// ownAddress returns an address of this machine at which nobody else takes a port that was given
// back.
func ownAddress() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

func (w *world) startHub() {
	w.t.Helper()
	ready, done := make(chan string, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		done <- hub.Run(ctx, hub.Options{
			Dir: w.dir, Address: w.address, Log: slog.New(keysTaken{slog.DiscardHandler, &w.taken}), Ready: func(url string) { ready <- url },
		})
	}()
	ended := false
	w.taken.Store(int64(w.keys()))
	w.endHub = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(func() { w.endHub() })
	select {
	case w.url = <-ready:
		w.address = strings.TrimPrefix(w.url, "nats://")
	case err := <-done:
		ended = true
		w.t.Fatal(err)
	}
}

// keys returns how many keys the fleet has.
func (w *world) keys() int {
	keys, err := w.dir.Keys()
	if err != nil {
		return 0 // the hub begins with none
	}
	return len(keys.Keys)
}

// keysRead waits until the hub has read all keys: who connects while it reads some may be cut once.
// A server of another process has all of them from its beginning.
func (w *world) keysRead() {
	w.t.Helper()
	if w.endHub != nil {
		w.eventually("the hub has read its keys", func() bool { return int(w.taken.Load()) == w.keys() })
	}
}

// keysTaken is the log of a hub that is asked only how many keys it has read.
type keysTaken struct {
	slog.Handler
	taken *atomic.Int64
}

func (keysTaken) Enabled(context.Context, slog.Level) bool { return true }

func (k keysTaken) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "the keys were read" && a.Key == "keys" {
			k.taken.Store(a.Value.Int64())
		}
		return true
	})
	return nil
}

func (w *world) key(role fleet.Role, name string) *fleet.Credentials {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := w.dir.Add(role, name, path, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	c, err := fleet.ReadCredentials(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// host runs an agent until end is called.
func (w *world) host(c *fleet.Credentials, s agent.Source) (a *agent.Agent, end func()) {
	w.t.Helper()
	return w.hostWith(c, agent.Options{Source: s})
}

func (w *world) hostWith(c *fleet.Credentials, o agent.Options) (a *agent.Agent, end func()) {
	w.t.Helper()
	o.Version, o.Link = "test", link.Options{URL: w.url, Credentials: c}
	a, err := agent.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(end)
	return a, end
}

func (w *world) client(c *fleet.Credentials) *client.Client {
	w.t.Helper()
	var connected *client.Client
	w.keysRead()
	w.eventually("the hub takes the key", func() (ok bool) {
		x, err := client.Connect(link.Options{URL: w.url, Credentials: c})
		connected = x
		return err == nil
	})
	w.t.Cleanup(connected.Close)
	return connected
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	w.within(waitTimeout, what, holds)
}

func (w *world) within(most time.Duration, what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(most); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("never: " + what)
		}
	}
}

// here returns the names of hosts that are there, and the others with a ! before them.
func here(t testing.TB, c *client.Client) string {
	t.Helper()
	var names []string
	for _, h := range hostsOf(t, c) {
		name := h.Name
		if h.Gone(time.Now()) {
			name = "!" + name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// hostsOf returns the hosts. It asks again where the server needs longer for an answer than a
// console waits.
func hostsOf(t testing.TB, c *client.Client) []client.Host {
	t.Helper()
	hosts, err := c.Hosts(context.Background())
	for end := time.Now().Add(waitTimeout); err != nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		hosts, err = c.Hosts(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return hosts
}

// ask asks until all hosts have answered.
func (w *world) ask(c *client.Client, v fleet.View) (all *client.Flows) {
	w.t.Helper()
	w.eventually("all hosts answer", func() bool {
		var err error
		all, err = c.Ask(context.Background(), v)
		return err == nil && all.Trouble() == ""
	})
	return all
}

// A console sees every host, all their flows or those of a filter, and which host has left.
func TestFleet(t *testing.T) {
	w := newWorld(t)
	one, two, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleHost, "core-2"), w.key(fleet.RoleOperator, "ann")
	first, second := newSource(1, 5000), newSource(100_001, 3)
	w.host(one, first)
	_, end := w.host(two, second)
	c := w.client(ann)
	w.eventually("two hosts", func() bool { return here(t, c) == "core-2 edge-1" })
	all := w.ask(c, fleet.View{})
	if len(all.Flows) != 5003 || all.Hosts != 2 || all.Counters.Packets != 5003 || all.MaxFlows != 2*65536 {
		t.Errorf("%d flows of %d hosts, %d packets, room for %d", len(all.Flows), all.Hosts, all.Counters.Packets, all.MaxFlows)
	}
	for i := range all.Flows {
		f := &all.Flows[i]
		want := "edge-1"
		if f.ID > 100_000 {
			want = "core-2"
		}
		if at := all.Interfaces[f.In]; at.Host != want || at.Name != "eth0" || f.Tuple.Zone != f.In+1 {
			t.Fatalf("flow %d is at %s of %s", f.ID, at.Name, at.Host)
		}
	}
	if some := w.ask(c, fleet.View{Filter: "on:edge-*", Sort: "rate", Limit: 3}); len(some.Flows) != 3 || some.Flows[0].ID != 5000 || some.Interfaces[some.Flows[0].In].Host != "edge-1" {
		t.Errorf("the busiest of edge-*: %+v", some.Flows)
	}
	if some := w.ask(c, fleet.View{Filter: "on:core-2"}); len(some.Flows) != 3 {
		t.Errorf("core-2 has %d flows", len(some.Flows))
	}
	end()
	w.eventually("one has left", func() bool { return here(t, c) == "!core-2 edge-1" })
	if all := w.ask(c, fleet.View{}); len(all.Flows) != 5000 {
		t.Errorf("without core-2 there are %d flows", len(all.Flows))
	}
}

// Hosts come back to a hub that was restarted, and it still knows those that had left.
func TestHubRestarts(t *testing.T) {
	w := newWorld(t)
	one, two, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleHost, "edge-2"), w.key(fleet.RoleViewer, "ann")
	a, _ := w.host(one, newSource(1, 1))
	_, end := w.host(two, newSource(10, 1))
	c := w.client(ann)
	w.eventually("two hosts", func() bool { return here(t, c) == "edge-1 edge-2" })
	end()
	w.eventually("one has left", func() bool { return here(t, c) == "edge-1 !edge-2" })
	w.endHub()
	w.eventually("it is not connected", func() bool { return !a.Stats().Connected })
	w.startHub()
	w.eventually("it is connected", func() bool { return a.Stats().Connected })
	late := w.client(ann)
	w.eventually("one is there, one has left", func() bool { return here(t, late) == "edge-1 !edge-2" })
	if a.Stats().Reconnects == 0 {
		t.Error("it counts no connection after the first")
	}
}

// An agent that finds no hub waits for one.
func TestHubComesLater(t *testing.T) {
	w := newWorld(t)
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleViewer, "ann")
	w.endHub()
	a, _ := w.host(one, newSource(1, 1))
	if a.Stats().Connected {
		t.Error("it is connected to nothing")
	}
	w.startHub()
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
}

// Nobody looks, so no snapshot is taken, and nothing is sent but heartbeats.
func TestNobodyLooks(t *testing.T) {
	w := newWorld(t)
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleViewer, "ann")
	s := newSource(1, 1)
	a, _ := w.host(one, s)
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
	if n := s.read.Load(); n != 0 {
		t.Errorf("%d snapshots were taken", n)
	}
	w.ask(c, fleet.View{})
	if s.read.Load() == 0 {
		t.Error("no snapshot was taken")
	}
	if stats := a.Stats(); stats.Messages == 0 || stats.Watches != 0 {
		t.Errorf("%+v", stats)
	}
}
