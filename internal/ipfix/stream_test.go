package ipfix

import (
	"net"
	"testing"
	"time"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/tracker/flow"
)

// accepted is one connection of a collector over TCP.
type accepted struct {
	t       *testing.T
	conn    net.Conn
	decoder ipfixtest.Decoder
	next    map[uint32]uint32
}

func accept(t *testing.T, l net.Listener) *accepted {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &accepted{t: t, conn: conn, next: map[uint32]uint32{}}
}

// flows reads until there are n records of flows. missing is what the numbers tell.
func (a *accepted) flows(n int) (all []ipfixtest.Record, missing uint32) {
	a.t.Helper()
	if err := a.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		a.t.Fatal(err)
	}
	for len(all) < n {
		b, err := ipfixtest.ReadMessage(a.conn)
		if err != nil {
			a.t.Fatal(err)
		}
		m, err := a.decoder.Decode(b)
		if err != nil {
			a.t.Fatal(err)
		}
		missing += m.Sequence - a.next[m.Domain]
		a.next[m.Domain] = m.Sequence + m.Records()
		all = append(all, m.Flows()...)
	}
	return all, missing
}

// streaming returns a listener, and an exporter to it that has not started.
func streaming(t *testing.T) (net.Listener, *Exporter) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, exporter(t, &table{}, false, "tcp://"+l.Addr().String())
}

// A collector over TCP that ends the connection gets another one, which begins with the
// templates and with number 0.
func TestReconnect(t *testing.T) {
	l, e := streaming(t)
	e.Start()
	for id := range flow.ID(3) {
		a := accept(t, l)
		end := event(id+1, flow.EventDestroy, 10)
		e.Observe(&end)
		records, missing := a.flows(1)
		compare(t, records[0], map[ipfixtest.Key]uint64{{ID: 148}: uint64(id + 1)})
		if missing != 0 {
			t.Errorf("connection %d: %d records are missing", id, missing)
		}
		_ = a.conn.Close()
	}
	e.Finish(false)
}

// A collector that accepts and closes at once is tried less and less often.
func TestCollectorThatCloses(t *testing.T) {
	l, e := streaming(t)
	begun := time.Now()
	e.Start()
	for range 5 {
		_ = accept(t, l).conn.Close()
	}
	if took := time.Since(begun); took < (1+2+4+8)*firstPause {
		t.Errorf("it was tried five times within %s", took)
	}
	e.Finish(false)
}

// A collector that takes nothing does not hold up events. What its queue cannot hold is
// dropped, and the numbers tell how much when it goes on.
func TestCollectorThatTakesNothing(t *testing.T) {
	l, e := streaming(t)
	e.senders[0].queue.limit, e.senders[0].writeTime = 100, time.Hour
	e.Start()
	a := accept(t, l)
	const many = 100_000 // of 200 bytes each: more than the sockets hold
	for id := range flow.ID(many) {
		end := event(id+1, flow.EventDestroy, 10)
		e.Observe(&end)
	}
	s := e.Stats()[0]
	if s.Dropped == 0 || s.Waiting > 100 || s.Dropped+s.Sent+uint64(s.Waiting) > many {
		t.Errorf("%+v", s)
	}
	// One more, once there is room.
	read := make(chan uint32)
	go func() {
		var missing uint32
		for last := uint64(0); last != many+1; {
			records, more := a.flows(1)
			missing += more
			last = records[len(records)-1].Uint(148)
		}
		read <- missing
	}()
	for e.senders[0].queue.waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	end := event(many+1, flow.EventDestroy, 10)
	e.Observe(&end)
	missing := <-read
	e.Finish(false)
	s = e.Stats()[0]
	if uint64(missing) != s.Dropped || s.Sent+s.Dropped != many+1 {
		t.Errorf("%d are missing; %+v", missing, s)
	}
}

// The end is bounded, whatever a collector does.
func TestFinishIsBounded(t *testing.T) {
	l, e := streaming(t)
	e.Start()
	accept(t, l)
	const many = 50_000 // more than sockets and queue hold
	for id := range flow.ID(many) {
		end := event(id+1, flow.EventDestroy, 10)
		e.Observe(&end)
	}
	begun := time.Now()
	e.Finish(false)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	if s := e.Stats()[0]; s.Sent+s.Dropped != many || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// Interfaces are those of a wire, or the watched one by the direction.
func TestInterfaces(t *testing.T) {
	watched := []flow.Interface{{Name: "a", Index: 4, Role: flow.RoleWatch}, {Name: "b", Index: 5, Role: flow.RoleWatch}}
	wire := []flow.Interface{{Name: "a", Index: 4, Role: flow.RoleWire}, {Name: "b", Index: 5, Role: flow.RoleWire}}
	for name, test := range map[string]struct {
		all             []flow.Interface
		in              uint16
		outgoing        bool
		ingress, egress uint32
	}{
		"a wire":        {wire, 0, false, 4, 5},
		"and back":      {wire, 1, false, 5, 4},
		"in":            {watched, 1, false, 5, 0},
		"out":           {watched, 1, true, 0, 5},
		"not known yet": {watched, 2, true, 0, 0},
		"none":          {nil, 0, false, 0, 0},
	} {
		e := exporter(t, &table{}, false)
		e.o.Interfaces = func() []flow.Interface { return test.all }
		r := record{event: &flow.Event{In: test.in, Outgoing: test.outgoing}}
		if e.locate(&r); r.ingress != test.ingress || r.egress != test.egress {
			t.Errorf("%s: %d, %d", name, r.ingress, r.egress)
		}
	}
}
