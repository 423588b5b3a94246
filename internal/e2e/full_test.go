package e2e

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker"
)

// fullTable is the capacity of a table that is filled with flows that were
// answered.
const fullTable = 64

// A table full of flows that were answered keeps them all. New ones are
// forwarded and not tracked in observe, counted, and warned of.
func TestFullOfAnswered(t *testing.T) {
	r := newRig(t, tracker.Options{MaxFlows: fullTable})
	talk := newTalk(t, r, 4)
	server := udpEnd(t, r, r.Server, 9000)
	for range fullTable {
		ask(t, r, server)
	}
	answered := func() (ids []tracker.FlowID) {
		for _, f := range r.flows("") {
			if f.Reply.Seen() {
				ids = append(ids, f.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	r.eventually("a full table", func() bool { return len(answered()) == fullTable })
	full, before := answered(), counters(t, r)

	for range 10 {
		ask(t, r, server)
	}
	client, far := r.connect(r.Server.Addr4())
	say(t, client, far, "not tracked")
	say(t, far, client, "and forwarded")
	talk.check(t, r)
	if now := answered(); !slices.Equal(now, full) {
		t.Errorf("the flows are %v, they were %v", now, full)
	}
	after := counters(t, r)
	if after.TableFull-before.TableFull < 10 || after.Dropped != 0 || after.Destroyed[tracker.ReasonEvicted] != before.Destroyed[tracker.ReasonEvicted] {
		t.Errorf("not tracked %d, dropped %d, evicted %d; before %d, %d, %d",
			after.TableFull, after.Dropped, after.Destroyed[tracker.ReasonEvicted],
			before.TableFull, before.Dropped, before.Destroyed[tracker.ReasonEvicted])
	}
	r.eventually("a warning", func() bool {
		s := r.collector.Snapshot()
		return s != nil && slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, "table 100") })
	})
	sumsHold(t, r)
}

// ask sends a question from a port of its own and gets the answer.
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
	if err := client.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.ReadFrom(answered); err != nil {
		t.Fatalf("no answer: %v", err)
	}
}

func answerOne(t *testing.T, server net.PacketConn) {
	t.Helper()
	asked := make([]byte, 100)
	if err := server.SetReadDeadline(time.Now().Add(patience)); err != nil {
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

func counters(t *testing.T, r *rig) tracker.Counters {
	t.Helper()
	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s.Counters
}
