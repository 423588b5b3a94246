package e2e

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// fullTable is the capacity of a table filled with answered flows, and
// keptFlows the number of them that are kept.
const (
	fullTable = 64
	keptFlows = fullTable - fullTable/16
)

// A table full of answered flows keeps them, except for the last sixteenth:
// there new flows find room, are tracked, and connect under both policies.
func TestFullOfAnswered(t *testing.T) {
	for _, policy := range both {
		t.Run(policy.String(), func(t *testing.T) { fullOfAnswered(t, policy) })
	}
}

func fullOfAnswered(t *testing.T, policy flow.Policy) {
	// The pings are answered flows, too, which are to stay as long as the others.
	r := newRig(t, tracker.Options{MaxFlows: fullTable, Policy: policy, Timeouts: flow.Timeouts{flow.ICMP: time.Hour}})
	talk := newTalk(t, r, 4)
	server := udpEnd(t, r, r.Server, 9000)
	answered := func() (ids []flow.ID) {
		for _, f := range r.flows("") {
			if f.Reply.Seen() {
				ids = append(ids, f.ID)
			}
		}
		return ids
	}
	for len(answered()) < keptFlows {
		ask(t, r, server)
	}
	kept := answered()
	for range fullTable {
		ask(t, r, server)
	}
	for range 10 {
		client, far := r.connect(r.Server.Addr4())
		say(t, client, far, "tracked")
		say(t, far, client, "and forwarded")
		if f := flowOf(r, client); f == nil || f.State != flow.StateEstablished {
			t.Errorf("the flow of a new connection is %+v", f)
		}
	}
	talk.check(t, r)
	now := answered()
	for _, id := range kept {
		if !slices.Contains(now, id) {
			t.Errorf("flow %s was answered, and is gone", id)
		}
	}
	if c := counters(t, r); c.Dropped != 0 || c.Destroyed[flow.ReasonEvicted] == 0 {
		t.Errorf("not tracked %d, dropped %d, evicted %d", c.TableFull, c.Dropped, c.Destroyed[flow.ReasonEvicted])
	}
	r.eventually("a warning", func() bool {
		s := r.collector.Snapshot()
		return s != nil && slices.ContainsFunc(s.Warnings.Sentences(), func(w string) bool { return strings.HasPrefix(w, "table 100") })
	})
	sumsHold(t, r)
}

// flowOf returns the flow of a client's connection, nil if there is none.
func flowOf(r *rig, client net.Conn) *flow.Flow {
	for _, f := range r.flows("tcp") {
		if f.Tuple.Src.String() == client.LocalAddr().String() {
			return &f
		}
	}
	return nil
}

// ask sends a question from its own port and receives the answer.
func ask(t *testing.T, r *rig, server net.PacketConn) {
	t.Helper()
	client, err := r.Client.ListenPacket(r.ctx, "udp4", netip.AddrPortFrom(r.Client.Addr4(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	sendTo(t, client, server)
	answerOne(t, server)
	answered := make([]byte, 100)
	if err := client.SetReadDeadline(time.Now().Add(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.ReadFrom(answered); err != nil {
		t.Fatalf("no answer: %v", err)
	}
}

func answerOne(t *testing.T, server net.PacketConn) {
	t.Helper()
	asked := make([]byte, 100)
	if err := server.SetReadDeadline(time.Now().Add(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	n, from, err := server.ReadFrom(asked)
	if err == nil {
		_, err = server.WriteTo(asked[:n], from)
	}
	if err != nil {
		t.Fatalf("no question: %v", err)
	}
}

func counters(t *testing.T, r *rig) flow.Counters {
	t.Helper()
	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s.Counters
}
