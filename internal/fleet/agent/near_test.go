package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// looked is a tracker with some flows, which counts how often it is asked.
type looked struct {
	latest *flow.Snapshot
	err    error
}

func (l *looked) Snapshot() *flow.Snapshot { return l.latest }
func (l *looked) Status() *flow.Snapshot   { return l.latest }

func (l *looked) Inspect(_ context.Context, ref flow.Ref) (flow.Inspection, error) {
	return flow.Inspection{NAT: &ref.Tuple}, l.err
}

// does is an actor that notes acts.
type does struct {
	acts []flow.Act
	done flow.Outcome
	err  error
}

func (d *does) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	d.acts = append(d.acts, act)
	return d.done, d.err
}

// near is an agent with a server in the same process, and what it publishes.
type near struct {
	*Agent
	t      *testing.T
	source *looked
	actor  *does
	log    *bytes.Buffer
	ann    fleet.Credentials
	away   *nats.Conn
	heard  *nats.Subscription
}

func snapshotOf(n int) *flow.Snapshot {
	s := &flow.Snapshot{
		Time: time.Now(), MaxFlows: 1000, Uptime: time.Minute, Policy: flow.PolicyObserve, Timeouts: flow.DefaultTimeouts(),
		Counters: flow.Counters{Packets: 77}, Interfaces: []flow.Interface{{Name: "eth0", Role: flow.RoleWatch}},
	}
	for i := range n {
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateEstablished, Timeout: time.Hour,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP, Zone: 1,
				Src: flow.MustParseEnd(fmt.Sprintf("10.0.%d.%d:40000", i>>8, i&255)), Dst: flow.MustParseEnd("192.0.2.1:443"),
			},
			Origin: flow.Half{Packets: 1, Bytes: 100, BPS: float64(i + 1)},
		})
	}
	return s
}

func newNear(t *testing.T, flows int) *near {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	connect := func() *nats.Conn {
		c, err := nats.Connect("", nats.InProcessServer(s), nats.Timeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	authority, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(role fleet.Role, name string) fleet.Credentials {
		c, err := fleet.Issue(authority, fleet.Grant{Fleet: "main", Role: role, Name: name}, "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	n := &near{t: t, source: &looked{latest: snapshotOf(flows)}, actor: &does{}, log: new(bytes.Buffer), ann: issue(fleet.RoleOperator, "ann")}
	host := issue(fleet.RoleHost, "edge-1")
	journal, err := OpenJournal(filepath.Join(t.TempDir(), "acts"), "edge-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = journal.Close() })
	n.Agent, err = New(Options{
		Source: n.source, Actor: n.actor, Journal: journal, Version: "1.2", Log: slog.New(slog.NewTextHandler(n.log, nil)),
		Link: link.Options{URL: "nats://127.0.0.1:1", Credentials: &host},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.client.Store(connect())
	n.away = connect()
	if n.heard, err = n.away.SubscribeSync(">"); err != nil {
		t.Fatal(err)
	}
	if err := n.away.FlushTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	return n
}

// said returns what the agent has published since the last call.
func (n *near) said() (list []*nats.Msg) {
	n.t.Helper()
	n.working.Wait()
	if err := errors.Join(n.client.Load().FlushTimeout(time.Minute), n.away.FlushTimeout(time.Minute)); err != nil {
		n.t.Fatal(err)
	}
	for {
		if waiting, _, err := n.heard.Pending(); err != nil || waiting == 0 {
			return list
		}
		m, err := n.heard.NextMsg(time.Minute)
		if err != nil {
			n.t.Fatal(err)
		}
		list = append(list, m)
	}
}

// answers returns the heads of the answers among what was said, and the flows on their pages.
func (n *near) answers() (heads []fleet.Head, ids []flow.ID) {
	n.t.Helper()
	for _, m := range n.said() {
		if m.Subject != n.space.Answer("edge-1", "ann.12345678") && !strings.HasPrefix(m.Subject, n.space.Top("edge-1", "")) {
			continue
		}
		head, page, err := fleet.DecodeMessage(m.Data)
		if err != nil {
			n.t.Fatal(err)
		}
		heads = append(heads, head)
		if len(page) == 0 {
			continue
		}
		s, err := fleet.DecodePage(context.Background(), page)
		if err != nil {
			n.t.Fatal(err)
		}
		for i := range s.Flows {
			ids = append(ids, s.Flows[i].ID)
		}
	}
	return heads, ids
}

func (n *near) question(q fleet.Question) (heads []fleet.Head, ids []flow.ID) {
	n.t.Helper()
	q.To = "ann.12345678"
	n.takeQuestion(context.Background(), &nats.Msg{Data: q.Encode()})
	return n.answers()
}

// A question about flows has all of them in pages, or the first ones, by the view. What is
// said of the table is on the first page.
func TestQuestionsAboutFlows(t *testing.T) {
	n := newNear(t, 2500)
	heads, ids := n.question(fleet.Question{Kind: fleet.AskFlows, View: fleet.View{Filter: "on:edge-1", Sort: "id:desc"}})
	if len(heads) < 2 || len(ids) != 2500 || ids[0] != 2500 || ids[2499] != 1 {
		t.Fatalf("%d pages with %d flows", len(heads), len(ids))
	}
	for i, h := range heads {
		if h.Page != i || h.Last != (i == len(heads)-1) || (h.Counters != nil) != (i == 0) || len(h.Interfaces) > 0 != (i == 0) || h.Matching != 2500 || h.Flows != 2500 || h.Uptime != time.Minute {
			t.Errorf("page %d is %+v", i, h)
		}
	}
	if c := heads[0]; c.Counters.Packets != 77 || c.Interfaces[0].Name != "eth0" || c.Interfaces[0].Role != flow.RoleWatch {
		t.Errorf("the first page is %+v", c)
	}
	heads, ids = n.question(fleet.Question{Kind: fleet.AskFlows, View: fleet.View{Filter: "src:10.0.0.0/24", Sort: "id:asc", Limit: 3}})
	if len(heads) != 1 || !heads[0].Last || heads[0].Matching != 256 || heads[0].BPS != 256*257/2 || !slices.Equal(ids, []flow.ID{1, 2, 3}) {
		t.Errorf("%+v, %d", heads, ids)
	}
	n.source.latest = snapshotOf(3)
	for _, limit := range []int{3, 4} {
		if heads, ids = n.question(fleet.Question{Kind: fleet.AskFlows, View: fleet.View{Filter: "tcp", Sort: "id:asc", Limit: limit}}); len(ids) != 3 || heads[0].Matching != 3 {
			t.Errorf("of three the first %d are %d: %+v", limit, ids, heads)
		}
	}
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskFlows, View: fleet.View{Filter: "dport:"}}); len(heads) != 1 || heads[0].Error == "" || !heads[0].Last {
		t.Errorf("a filter that is none: %+v", heads)
	}
	n.source.latest = nil
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskFlows}); len(heads) != 1 || heads[0].Error != errNothing.Error() {
		t.Errorf("before the first snapshot: %+v", heads)
	}
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskDetail, Flow: 2}); len(heads) != 1 || heads[0].Error != flow.ErrFlowGone.Error() {
		t.Errorf("a flow before the first snapshot: %+v", heads)
	}
}

// Other questions are answered, or refused by name.
func TestOtherQuestions(t *testing.T) {
	n := newNear(t, 3)
	heads, _ := n.question(fleet.Question{Kind: fleet.AskHost})
	if len(heads) != 1 || !heads[0].Last || heads[0].Host == nil || heads[0].Host.Version != "1.2" {
		t.Errorf("a host: %+v", heads)
	}
	heads, _ = n.question(fleet.Question{Kind: fleet.AskDetail, Flow: 2})
	if len(heads) != 1 || !heads[0].Last || heads[0].Detail == nil || heads[0].Detail.NAT.Src.String() != "10.0.0.1:40000" {
		t.Errorf("a flow: %+v", heads)
	}
	n.source.err = errors.New("no")
	for _, c := range []struct {
		q    fleet.Question
		want string
	}{
		{fleet.Question{Kind: fleet.AskDetail, Flow: 2}, "no"},
		{fleet.Question{Kind: fleet.AskDetail, Flow: 9}, flow.ErrFlowGone.Error()},
		{fleet.Question{Kind: "mood"}, errKind.Error()},
	} {
		if heads, _ = n.question(c.q); len(heads) != 1 || heads[0].Error != c.want || !heads[0].Last || heads[0].Detail != nil {
			t.Errorf("%+v: %+v", c.q, heads)
		}
	}
	for range maxAnswers {
		n.pages <- struct{}{}
	}
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskFlows}); len(heads) != 1 || heads[0].Error != errBusy.Error() {
		t.Errorf("a busy host: %+v", heads)
	}
	<-n.pages
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskFlows}); len(heads) != 1 || heads[0].Error != "" || len(n.pages) != maxAnswers-1 {
		t.Errorf("a less busy host: %+v", heads)
	}
	if n.takeQuestion(context.Background(), &nats.Msg{Data: []byte("{")}); n.Stats().Failed != 1 || len(n.said()) != 0 {
		t.Errorf("what is no question: %+v", n.Stats())
	}
	n.ending = true
	if heads, _ = n.question(fleet.Question{Kind: fleet.AskFlows}); len(heads) != 0 {
		t.Errorf("at the end it answers %+v", heads)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.flows(stopped, fleet.Question{}); err != nil || len(n.said()) != 0 {
		t.Errorf("at the end it answers: %v", err)
	}
}

// order returns an act of ann on some flows.
func (n *near) order(id string, change func(o *fleet.Order)) fleet.Signed {
	n.t.Helper()
	o := fleet.Order{
		ID: "abcdefghijklmnop" + id, Fleet: "main", Host: "edge-1", Expires: time.Now().Add(fleet.ActFor).UTC(), Kind: flow.ActDelete, Flows: []flow.ID{2, 3, 99},
	}
	change(&o)
	s, err := o.Sign(&n.ann)
	if err != nil {
		n.t.Fatal(err)
	}
	s.To = "ann.12345678"
	return s
}

// take has the agent take an act, and returns the outcome that it answers, and the copies for
// the audit.
func (n *near) take(s fleet.Signed) (o fleet.Outcome, audited []fleet.Outcome) {
	n.t.Helper()
	n.takeAct(context.Background(), &nats.Msg{Data: s.Encode()})
	answered := false
	for _, m := range n.said() {
		if m.Subject == n.space.Audit("edge-1") {
			var one fleet.Outcome
			if err := json.Unmarshal(m.Data, &one); err != nil {
				n.t.Fatal(err)
			}
			audited = append(audited, one)
			continue
		}
		head, _, err := fleet.DecodeMessage(m.Data)
		if err != nil || m.Subject != n.space.Answer("edge-1", "ann.12345678") || !head.Last || head.Outcome == nil {
			n.t.Fatalf("%s: %+v, %v", m.Subject, head, err)
		}
		o, answered = *head.Outcome, true
	}
	if !answered {
		n.t.Error("there is no answer")
	}
	return o, audited
}

// same leaves an order as it is.
func asItIs(*fleet.Order) {}
