package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/tracker/flow"
)

// actor counts how often each flow was acted on.
type actor struct {
	mu   sync.Mutex
	acts map[flow.ID]int
	by   []string
	// pause is how long an act takes, during what happens in it.
	pause  time.Duration
	during func()
}

func (a *actor) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	time.Sleep(a.pause)
	if a.during != nil {
		a.during()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.acts == nil {
		a.acts = map[flow.ID]int{}
	}
	for _, f := range act.Flows {
		a.acts[f.ID]++
	}
	a.by = append(a.by, act.By.Name+" "+act.By.Role)
	return flow.Outcome{Done: len(act.Flows)}, nil
}

func (a *actor) times(id flow.ID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.acts[id]
}

// acting is a host that takes acts.
type acting struct {
	*actor
	t       testing.TB
	path    string
	journal *agent.Journal
	agent   *agent.Agent
	end     func()
}

func (w *world) acting(c *fleet.Credentials, s agent.Source) *acting {
	w.t.Helper()
	w.keysRead() // wires send an order once: a host that was cut does not hear it
	h := &acting{actor: &actor{}, t: w.t, path: filepath.Join(w.t.TempDir(), "acts.jsonl")}
	var err error
	if h.journal, err = agent.OpenJournal(h.path, c.Name, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	var end func()
	h.agent, end = w.hostWith(c, agent.Options{Source: s, Actor: h.actor, Journal: h.journal})
	h.end = func() {
		end()
		_ = h.journal.Close()
	}
	w.t.Cleanup(h.end)
	return h
}

// audited returns the lines of the journal about an act, or all without an id.
func (h *acting) audited(id string) (list []fleet.Outcome) {
	h.t.Helper()
	text, err := os.ReadFile(h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var o fleet.Outcome
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &o); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		if id == "" || o.ID == id {
			list = append(list, o)
		}
	}
	return list
}

// An act has one effect, an intent and one outcome, however often it is sent.
func TestActOnce(t *testing.T) {
	w := newWorld(t)
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleOperator, "ann")
	h := w.acting(one, newSource(1, 5))
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
	o, err := c.Act(context.Background(), "edge-1", flow.Deletion(flow.Ref{ID: 2}, flow.Ref{ID: 999}))
	if err != nil || o.State != fleet.Done || o.Done != 1 || o.Gone != 1 {
		t.Fatalf("%v: %+v", err, o)
	}
	if lines := h.audited(o.ID); len(lines) != 2 || lines[0].State != fleet.Intended || lines[1].State != fleet.Done || lines[1].By != "ann" || len(lines[1].Flows) != 1 {
		t.Errorf("the journal has %+v", lines)
	}
	if h.times(2) != 1 || h.times(999) != 0 || h.by[0] != "ann operator" {
		t.Errorf("%v by %q", h.acts, h.by)
	}
}

// wire sends messages as they are, and hears what a host answers.
type wire struct {
	*nats.Conn
	t       testing.TB
	name    string
	answers *nats.Subscription
}

func (w *world) wire(c *fleet.Credentials) *wire {
	w.t.Helper()
	conn := w.raw(c)
	answers, err := conn.SubscribeSync(fleet.Space("main").Answer("*", fleet.To(c.Name, "*")))
	if err != nil {
		w.t.Fatal(err)
	}
	return &wire{conn, w.t, c.Name, answers}
}

// send publishes an order, and returns what the host says became of it.
func (x *wire) send(s fleet.Signed) fleet.Outcome {
	x.t.Helper()
	s.To = fleet.To(x.name, rand.Text()[:16])
	if err := x.Publish(fleet.Space("main").Act("edge-1"), s.Encode()); err != nil {
		x.t.Fatal(err)
	}
	m, err := x.answers.NextMsg(waitTimeout)
	if err != nil {
		x.t.Fatal(err)
	}
	head, _, err := fleet.DecodeMessage(m.Data)
	if err != nil || head.Outcome == nil {
		x.t.Fatalf("%v: %+v", err, head)
	}
	return *head.Outcome
}

func newOrder(host string, ids ...flow.ID) fleet.Order {
	return fleet.Order{
		ID: rand.Text()[:24], Fleet: "main", Host: host, Expires: time.Now().Add(fleet.ActFor).UTC(), Kind: flow.ActDelete, Flows: ids,
	}
}

func signed(t *testing.T, o fleet.Order, by *fleet.Credentials) fleet.Signed {
	t.Helper()
	s, err := o.Sign(by)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is replayed has the outcome of the first time. What is forged, altered, late, for
// another host or a viewer's is refused, and audited at the host.
func TestActsRefused(t *testing.T) {
	w := newWorld(t)
	one, ann, bob := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleOperator, "ann"), w.key(fleet.RoleViewer, "bob")
	h := w.acting(one, newSource(1, 9))
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
	x := w.wire(ann)
	first := newOrder("edge-1", 1)
	good := signed(t, first, ann)
	before := x.send(good)
	for range 3 {
		if again := x.send(good); again.State != fleet.Done || !again.Time.Equal(before.Time) {
			t.Errorf("replayed it is %+v, at first %+v", again, before)
		}
	}
	if lines := h.audited(first.ID); h.times(1) != 1 || len(lines) != 2 {
		t.Errorf("%d effects, audited as %+v", h.times(1), lines)
	}
	reused, late, early := newOrder("edge-1", 2), newOrder("edge-1", 3), newOrder("edge-1", 4)
	reused.ID = first.ID
	late.Expires = time.Now().Add(-time.Second)
	early.Expires = time.Now().Add(time.Hour)
	altered := signed(t, newOrder("edge-1", 5), ann)
	altered.Order = signed(t, newOrder("edge-1", 6), ann).Order[:20] + altered.Order[20:]
	forged := signed(t, newOrder("edge-1", 7), bob)
	forged.Grant = ann.Grant
	refused := 0
	for _, e := range []struct {
		what string
		s    fleet.Signed
		why  error
	}{
		{"with the id of another", signed(t, reused, ann), fleet.ErrReused},
		{"late", signed(t, late, ann), fleet.ErrLate},
		{"for an hour", signed(t, early, ann), fleet.ErrLate},
		{"altered", altered, fleet.ErrForged},
		{"forged by the server", forged, fleet.ErrForged},
		{"a viewer's", signed(t, newOrder("edge-1", 8), bob), fleet.ErrNotOperator},
		{"for another host", signed(t, newOrder("edge-2", 9), ann), fleet.ErrNotHere},
	} {
		if o := x.send(e.s); o.State != fleet.Refused || o.Error != e.why.Error() {
			t.Errorf("an act %s: %s %s", e.what, o.State, o.Error)
		}
		refused++
	}
	for id := flow.ID(2); id <= 9; id++ {
		if n := h.times(id); n != 0 {
			t.Errorf("flow %d was acted on %d times", id, n)
		}
	}
	n := 0
	for _, o := range h.audited("") {
		if o.State == fleet.Refused {
			n++
		}
	}
	if n != refused {
		t.Errorf("%d refused acts are audited, not %d", n, refused)
	}
	if o := x.send(signed(t, late, ann)); o.State != fleet.Refused {
		t.Errorf("late and again it is %+v", o)
	}
	if lines := h.audited(late.ID); len(lines) != 1 {
		t.Errorf("late twice it is audited as %+v", lines)
	}
}

// A host that ended in the middle of an act says so for ever, and does it no second time.
func TestHostEndsInAct(t *testing.T) {
	w := newWorld(t)
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleOperator, "ann")
	o := newOrder("edge-1", 1)
	s := signed(t, o, ann)
	path := filepath.Join(t.TempDir(), "acts.jsonl")
	line, err := json.Marshal(fleet.Outcome{ID: o.ID, Host: "edge-1", State: fleet.Intended, Sum: s.Sum(), By: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(append(line, '\n'), []byte(`{"id":"cut`)...), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &acting{actor: &actor{}, t: t, path: path}
	if h.journal, err = agent.OpenJournal(path, "edge-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.keysRead()
	w.hostWith(one, agent.Options{Source: newSource(1, 1), Actor: h.actor, Journal: h.journal})
	c := w.client(ann)
	w.eventually("it is there", func() bool { return here(t, c) == "edge-1" })
	if got := w.wire(ann).send(s); got.State != fleet.Unknown || h.times(1) != 0 {
		t.Errorf("%+v, with %d effects", got, h.times(1))
	}
	if _, err := agent.OpenJournal(path, "edge-1", time.Now()); err == nil {
		t.Error("two processes have a journal")
	}
}

// Refused acts do not fill the disk.
func TestRefusedActsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acts.jsonl")
	j, err := agent.OpenJournal(path, "edge-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	now := time.Now()
	for range 1000 {
		if err := j.Refuse(fleet.Outcome{Time: now, State: fleet.Refused}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Refuse(fleet.Outcome{Time: now.Add(time.Hour), State: fleet.Refused}); err != nil {
		t.Fatal(err)
	}
	lines := (&acting{t: t, path: path}).audited("")
	if last := lines[len(lines)-1]; len(lines) != 61 || last.Omitted != 940 {
		t.Errorf("%d lines, the last after %d omitted ones", len(lines), last.Omitted)
	}
}
