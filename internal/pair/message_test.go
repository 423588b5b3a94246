package pair

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func randomFlow(r *rand.Rand) flow.Told {
	t := flow.Told{Glance: flow.Glance{ID: flow.ID(r.Uint64()), Control: r.Uint32(), Age: time.Duration(r.Int64N(longest))}, Timeout: flow.MinTimeout + time.Duration(r.Int64N(int64(longestTimeout-flow.MinTimeout)))}
	for i := range t.Key {
		t.Key[i] = byte(r.Uint32())
	}
	for d := range t.Halves {
		t.Halves[d] = flow.ToldHalf{
			Packets: r.Uint64(), Bytes: r.Uint64(), Idle: time.Duration(r.Int64N(longest)),
			End: r.Uint32(), Acked: r.Uint32(), Limit: r.Uint32(), MaxWindow: r.Uint32(), SYN: r.Uint32(), FIN: r.Uint32(),
			RTT: time.Duration(r.Uint32()) * time.Microsecond, Retransmits: uint16(r.Uint32()), Reordered: uint16(r.Uint32()),
			ZeroWindows: uint16(r.Uint32()), WindowScale: uint8(r.Uint32()),
		}
	}
	return t
}

func TestFlowsComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		want := randomFlow(r)
		b := appendFlow(nil, &want)
		if len(b) != flowSize {
			t.Fatalf("a flow has %d bytes", len(b))
		}
		var got flow.Told
		if parseFlow(b, &got); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v came back as %+v", want, got)
		}
	}
	e := end{id: 7, reason: flow.ReasonClosed, key: flow.ToldKey{1, 2}}
	if got := parseEnd(e.append(nil)); got != e {
		t.Errorf("%+v came back as %+v", e, got)
	}
	h := hello{time.Hour, 1, 2, 3, true, 4, 5, time.Second, "v1"}
	if got, err := parseHello(h.append(nil)); err != nil || got != h {
		t.Errorf("%+v came back as %+v, %v", h, got, err)
	}
}

// A version with longer records is read, another form is not.
func TestOtherVersion(t *testing.T) {
	w := newWorld(t)
	b := w.hosts[1]
	w.pass(2 * time.Second)
	told := randomFlow(w.random)
	told.Control = uint32(flow.StateEstablished)
	partner := b.pair.partner
	record := append(appendFlow(nil, &told), 1, 2, 3)
	message := append(head{kind: kindFlows, instance: partner.instance, sequence: partner.sequence + 1}.append(nil), flowSize+3, 0)
	w.fine(b.pair.Receive("a", append(message, record...)))
	if b.table.flows[told.Key] == nil {
		t.Error("a longer record was not read")
	}
	w.fine(b.pair.Receive("a", []byte{form + 1, 2, 3}))
	if s := b.pair.Status(); s.OtherForm != 1 || s.Damaged != 0 {
		t.Errorf("the status is %+v", s)
	}
}

// That the partner cannot be read is said while it is so, and no longer than a minute if it
// is never heard again.
func TestUnreadUntilUpgrade(t *testing.T) {
	w := newWorld(t)
	b := w.hosts[1].pair
	var log bytes.Buffer
	b.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.pass(2 * time.Second)
	unread := func(want bool) {
		t.Helper()
		s := b.Status()
		if p := s.Pair(); p.Unread != want {
			t.Errorf("unread: %t, the status is %+v", p.Unread, s)
		}
	}
	other := []byte{form + 1, byte(kindHello), 3}
	w.hosts[0].pair = nil
	for range 3 {
		w.pass(30 * time.Second)
		w.fine(b.Receive("a", other))
		unread(true)
	}
	w.hosts[0].start()
	w.pass(5 * time.Second)
	unread(false)
	w.fine(b.Receive("another", other))
	w.pass(saidFor - time.Second)
	unread(true)
	w.pass(time.Second)
	unread(false)
	if n := bytes.Count(log.Bytes(), []byte("cannot read")); n != 2 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
}

// FuzzReceive takes any message of the partner, and of others.
func FuzzReceive(f *testing.F) {
	h := head{instance: 77, sequence: 1}
	greeting := hello{version: "x", capacity: 100}
	for k := kindHello; k <= kindSynced; k++ {
		h.kind = k
		h.sequence++
		f.Add(greeting.append(h.append(nil)))
		f.Add(appendHashes(h.append(nil), 3, []uint64{1, 2, 3}))
		told := flow.Told{Glance: flow.Glance{ID: 5, Control: 4}}
		f.Add(appendFlow(append(h.append(nil), flowSize, 0), &told))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		now := time.Unix(1000, 0)
		clock := func() time.Time { return now }
		tab := newTable(clock, 100)
		p := New(Options{Table: tab, Capacity: 100, Uptime: func() time.Duration { return time.Hour }, Now: clock, Send: func([]byte) error { return nil }})
		own := (&host{world: &world{random: rand.New(rand.NewPCG(1, 1))}, table: tab}).begin(10)
		first := head{kind: kindHello, instance: 77, sequence: 1}
		if err := p.Receive("a", greeting.append(first.append(nil))); err != nil {
			t.Fatal(err)
		}
		if err := p.Receive("a", message); err != nil {
			t.Fatal(err)
		}
		now = now.Add(Every)
		if err := p.Tick(); err != nil {
			t.Fatal(err)
		}
		for _, key := range own {
			if e := tab.flows[key]; e == nil || !e.own {
				t.Fatalf("own flow %x is %+v", key[:8], e)
			}
		}
	})
}

// A tracker knows the messages that it sent, and no others.
func TestSent(t *testing.T) {
	var said [2][]byte
	var both [2]*Pair
	for i := range both {
		both[i] = New(Options{
			Table: newTable(time.Now, 16), Capacity: 16, Version: "test", Uptime: func() time.Duration { return time.Second },
			Send: func(m []byte) error { said[i] = bytes.Clone(m); return nil },
		})
		if err := both[i].Tick(); err != nil || said[i] == nil {
			t.Fatalf("%v: %x", err, said[i])
		}
	}
	for i, p := range both {
		if !p.Sent(said[i]) || p.Sent(said[1-i]) || p.Sent(said[i][:1]) || p.Sent(nil) {
			t.Errorf("%d does not tell its own messages from others", i)
		}
	}
}
