package ipfix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/tracker/flow"
)

// slowly is a [Source] of so many places that notes when they are read. It fails as often
// as it should.
type slowly struct {
	places int
	begun  time.Time
	at     []time.Duration
	fault  error
}

func (s *slowly) Part(from, n int, _ func(*flow.Event)) (bool, error) {
	if s.begun.IsZero() {
		s.begun = time.Now()
	}
	s.at = append(s.at, time.Since(s.begun))
	return from+n < s.places, s.fault
}

func logged(to *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

// The table is read four times in the time after which a flow has a record, spread over that
// time once its size is known.
func TestRunIsSlow(t *testing.T) {
	for _, c := range []struct {
		places int
		active time.Duration
		want   []time.Duration
	}{
		{1, time.Minute, []time.Duration{0, 15 * time.Second, 30 * time.Second}},
		{chunk, time.Minute, []time.Duration{0, 15 * time.Second, 30 * time.Second}},
		{3 * chunk, time.Minute, []time.Duration{0, 0, 0, 15 * time.Second, 20 * time.Second, 25 * time.Second, 30 * time.Second, 35 * time.Second}},
		{1, time.Second, []time.Duration{0, fastest, 2 * fastest}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowly{places: c.places}
			ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
			defer stop()
			e := New(Options{Source: s, Active: c.active, Log: slog.New(slog.DiscardHandler)})
			if err := e.Run(ctx); err != nil {
				t.Error(err)
			}
			if len(s.at) < len(c.want) || !slices.Equal(s.at[:len(c.want)], c.want) {
				t.Errorf("%d places are read at %v", c.places, s.at)
			}
			if last := s.at[len(s.at)-1]; last > 40*time.Second {
				t.Errorf("%d places are read after the end", c.places)
			}
		})
	}
}

// failing is a [Translator] that fails from time to time.
type failing struct {
	translator
	n     int
	fails func(n int) bool
}

func (f *failing) Renew() error {
	if f.n++; f.fails(f.n) {
		return errors.New("no conntrack")
	}
	return nil
}

// What cannot be read is logged once, until it can be read again. The translations are read
// every second.
func TestRunLogsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &slowly{places: 1, fault: errors.New("no table")}
		nat := &failing{fails: func(n int) bool { return n != 5 }}
		ctx, stop := context.WithCancel(t.Context())
		e := New(Options{Source: s, Active: 4 * time.Second, NAT: nat, Log: logged(&log)})
		done := make(chan struct{})
		go func() { _ = e.Run(ctx); close(done) }()
		time.Sleep(2500 * time.Millisecond)
		s.fault = nil
		time.Sleep(time.Second)
		s.fault = errors.New("no table")
		time.Sleep(6 * time.Second)
		stop()
		<-done
		if n := strings.Count(log.String(), "read long flows"); n != 2 {
			t.Errorf("failed readings are logged %d times:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "lack translations"); n != 2 || nat.n != 10 {
			t.Errorf("failed translations are logged %d times of %d:\n%s", n, nat.n, log.String())
		}
	})
}

// The end of a flow that was lost has no record: the numbers say that one is missing.
func TestLostEnd(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	source := table{event(1, flow.EventUpdate, 10), event(2, flow.EventUpdate, 10)}
	e := exporter(t, &source, false, c.address)
	if err := e.Begin(); err != nil {
		t.Fatal(err)
	}
	e.Start()
	lost := event(1, flow.EventDestroy, 0)
	lost.Recovered = true
	e.Observe(&lost)
	began := event(3, flow.EventNew, 1)
	e.Observe(&began)
	if e.Unseen() != 1 || len(e.accounts) != 1 {
		t.Errorf("%d ends are unseen, %d accounts", e.Unseen(), len(e.accounts))
	}
	end := event(2, flow.EventDestroy, 11)
	e.Observe(&end)
	for {
		m := c.receive()
		if records := m.Flows(); len(records) > 0 {
			compare(t, records[0], map[ipfixtest.Key]uint64{{ID: 148}: 2, {ID: 2}: 1})
			break
		}
	}
	if e.senders[0].queue.missing != 0 {
		t.Error("the missing record was not told")
	}
	source = nil
	e.Finish(false)
}

// untilDown exports flows until the collector is known to be gone. No more wait than its socket
// holds once it is back.
func untilDown(e *Exporter) {
	for id := flow.ID(1); e.Stats()[0].Messages == 0 || e.Stats()[0].Up; time.Sleep(time.Millisecond) {
		if e.Stats()[0].Waiting < 50 {
			end := event(id, flow.EventDestroy, 10)
			e.Observe(&end)
			id++
		}
	}
}

// ownAddress returns one of this machine at which nobody else takes a port that was given back.
func ownAddress() string {
	return fmt.Sprintf("127.%d.%d.%d:0", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// A collector over UDP that is gone is told of, gets the templates again once it is back, and
// then what waited.
func TestCollectorOverUDPComesBack(t *testing.T) {
	c := listenUDP(t, ownAddress())
	address := c.address
	_ = c.packets.Close()
	var log bytes.Buffer
	a, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Source: &table{}, Collectors: []Address{a}, Domain: 9, Log: logged(&log), Interfaces: func() []flow.Interface { return nil }})
	e.Start()
	untilDown(e)
	back := listenUDP(t, address)
	last := event(1<<40, flow.EventDestroy, 10)
	e.Observe(&last)
	templates := 0
	for found := false; !found; {
		m := back.receive()
		templates += m.Templates
		for _, r := range m.Flows() {
			found = found || r.Uint(148) == 1<<40
		}
		if len(m.Flows()) > 0 && templates == 0 {
			t.Fatal("records come before their templates")
		}
	}
	e.Finish(false)
	if s := e.Stats()[0]; !s.Up || s.Waiting != 0 || s.Messages == 0 || s.Bytes < 100*s.Messages/2 {
		t.Errorf("%+v", s)
	}
	for _, want := range []string{"takes none: they wait", "takes flow records again", "flow records were sent"} {
		if n := strings.Count(log.String(), want); n != 1 {
			t.Errorf("%q is logged %d times:\n%s", want, n, log.String())
		}
	}
}

// The end does not wait for a collector over UDP that is gone.
func TestFinishWithoutACollector(t *testing.T) {
	c := listenUDP(t, ownAddress())
	e := exporter(t, &table{}, false, c.address)
	_ = c.packets.Close()
	e.Start()
	untilDown(e)
	more := event(1<<40, flow.EventDestroy, 10)
	e.Observe(&more)
	begun := time.Now()
	e.Finish(false)
	if s := e.Stats()[0]; s.Dropped == 0 || s.Waiting != 0 || time.Since(begun) > time.Minute {
		t.Errorf("%+v after %s", s, time.Since(begun))
	}
}

// Records leave a queue in the order in which they came, however long it is used, and its
// room is used again.
func TestQueueIsUsedAgain(t *testing.T) {
	q := newQueue()
	q.limit = 4
	next, seen := uint16(0), uint16(0)
	for range 3 {
		q.push(queued{template: next})
		next++
	}
	for range 50 {
		q.push(queued{template: next})
		next++
		if r, ok := q.peek(); !ok || r.template != seen || q.waiting() != 4 {
			t.Fatalf("%+v, %t, %d wait; want %d", r, ok, q.waiting(), seen)
		}
		q.pop()
		seen++
		if len(q.records) > 3*q.limit {
			t.Fatalf("%d records are kept of %d", len(q.records), q.waiting())
		}
	}
	q.skip()
	q.push(queued{template: 99})
	for range 3 {
		q.pop()
	}
	if r, _ := q.peek(); r.template != 99 || r.missing != 1 {
		t.Errorf("%+v", r)
	}
	q.pop()
	if _, ok := q.peek(); ok || q.waiting() != 0 {
		t.Error("an empty queue has a record")
	}
}

// A message has one number, that of its first record: one after which records are missing
// begins another.
func TestMissingBeginsAMessage(t *testing.T) {
	e := exporter(t, &table{}, false, "192.0.2.1:4739")
	s := e.senders[0]
	push := func(id flow.ID) { end := event(id, flow.EventDestroy, 10); e.Observe(&end) }
	push(1)
	push(2)
	s.queue.skip()
	s.queue.skip()
	push(3)
	push(4)
	s.message.reset()
	for _, want := range []struct {
		records int
		missing uint32
	}{{2, 0}, {2, 2}, {0, 0}} {
		took := s.take()
		if took != (want.records > 0) || s.message.records != want.records || s.missing != want.missing || s.volume.packets != uint64(30*want.records) {
			t.Errorf("%t: %d records after %d, %d packets", took, s.message.records, s.missing, s.volume.packets)
		}
	}
}

// Octets begin with the IP header: link headers are subtracted, unless the tracker counted
// octets itself.
func TestOctets(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*flow.Event)
		want   [2]uint64
	}{
		{"plain", func(e *flow.Event) { e.Tuple.VLAN = 0 }, [2]uint64{10 * 86, 20 * 86}},
		{"a tag", func(e *flow.Event) { e.Tuple.VLAN = 7 }, [2]uint64{10 * 82, 20 * 82}},
		{"two tags", func(e *flow.Event) { e.Tuple.VLAN, e.Tuple.VLANInner = 7, 8 }, [2]uint64{10 * 78, 20 * 78}},
		{"PPPoE", func(e *flow.Event) { e.Tuple.VLAN, e.Tuple.Session = 0, 9 }, [2]uint64{10 * 78, 20 * 78}},
		{"counted", func(e *flow.Event) { e.Octets = [2]uint64{11, 22} }, [2]uint64{11, 22}},
		{"counted in one direction", func(e *flow.Event) { e.Octets = [2]uint64{0, 22} }, [2]uint64{0, 22}},
		{"less than headers", func(e *flow.Event) { e.Origin.Bytes, e.Reply.Bytes = 180, 20*18+1 }, [2]uint64{0, 1}},
	} {
		e := event(1, flow.EventDestroy, 10)
		c.change(&e)
		got := volumesOf(&e)
		if [2]uint64{got[0].octets, got[1].octets} != c.want || got[0].packets != 10 || got[1].packets != 20 || got[0].frames != e.Origin.Bytes || got[1].frames != e.Reply.Bytes {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// Over TCP the descriptions come once, and messages are longer than a datagram may be.
func TestLongMessagesOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	e := exporter(t, &table{}, false, "tcp://"+l.Addr().String())
	e.senders[0].refresh = 10 * time.Millisecond
	const many = 300
	for id := range flow.ID(many) {
		end := event(id+1, flow.EventDestroy, 10)
		e.Observe(&end)
	}
	e.Start()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var d ipfixtest.Decoder
	longest, templates, records, told := 0, 0, 0, 0
	for records < many || told < 3 {
		b, err := ipfixtest.ReadMessage(conn)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(b))
		templates += m.Templates
		records += len(m.Flows())
		for _, s := range m.Sets {
			for range s.Records {
				if s.Template.Scopes == 1 {
					told++
				}
			}
		}
	}
	if longest <= maxDatagram || longest > maxStreamed || templates != len(e.templates)+2 {
		t.Errorf("the longest message has %d bytes, and there are %d templates", longest, templates)
	}
	e.Finish(false)
}
