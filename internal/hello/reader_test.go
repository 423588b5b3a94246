package hello

import (
	"testing"

	"ctop/tracker/flow"
)

// So many flows may wait. Those that others take the place of are counted, but for those
// of whose hello nothing was seen: that may be what a client says after it.
func TestWaitingIsBounded(t *testing.T) {
	all := clientRecords(t, small)
	var r Reader
	p := flow.Packet{Payload: 1, Ref: flow.Ref{Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Dst: flow.MustParseEnd("192.0.2.1:443")}}}
	give := func(id flow.ID, from, to int) bool {
		p.Ref.ID, p.Offset, p.Data = id, uint32(from), append([]byte{0}, all[from:to]...)
		_, ok := r.Packet(&p)
		return ok
	}
	for id := flow.ID(1); id <= mostWaiting+10; id++ {
		give(id, 0, 100)
	}
	if len(r.streams.of) != mostWaiting || r.Counts().Dropped != 10 {
		t.Errorf("%d wait, %+v", len(r.streams.of), r.Counts())
	}
	if give(10, 100, len(all)) || !give(mostWaiting+10, 100, len(all)) {
		t.Error("another than the oldest went")
	}
	r = Reader{}
	for id := flow.ID(1); id <= mostWaiting+10; id++ {
		give(id, 100, 200)
	}
	if c := r.Counts(); len(r.streams.of) != mostWaiting || c.Dropped != 0 {
		t.Errorf("%d wait, %+v", len(r.streams.of), c)
	}
}

// An answer counts for the client that asked the question, and for nobody else.
func TestAnswersToQuestions(t *testing.T) {
	var r Reader
	p := flow.Packet{Payload: 1, Ref: flow.Ref{ID: 1, Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:999"), Dst: flow.MustParseEnd("10.0.0.2:53")}}}
	give := func(id flow.ID, d flow.Direction, b []byte) uint64 {
		p.Ref.ID, p.Direction, p.Data = id, d, append([]byte{0}, b...)
		_, _ = r.Packet(&p)
		return r.Counts().Answers
	}
	answer := reply(t, 7, "www.example.org.", "", "192.0.2.7")
	if give(1, flow.Reply, answer) != 0 {
		t.Error("nobody asked")
	}
	give(1, flow.Origin, question(t, 7, "www.example.org."))
	for name, b := range map[string][]byte{"number": reply(t, 8, "www.example.org.", "", "192.0.2.7"), "name": reply(t, 7, "evil.example.org.", "", "192.0.2.7")} {
		if give(1, flow.Reply, b) != 0 {
			t.Errorf("another %s was asked for", name)
		}
	}
	if give(2, flow.Reply, answer) != 0 || give(1, flow.Reply, answer) != 1 || give(1, flow.Reply, answer) != 1 {
		t.Errorf("%+v", r.Counts())
	}
}
