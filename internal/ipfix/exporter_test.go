package ipfix

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/tracker/flow"
)

// table is a [Source].
type table []flow.Event

func (t *table) Part(from, n int, visit func(*flow.Event)) (bool, error) {
	end := min(from+n, len(*t))
	for i := from; i < end; i++ {
		e := (*t)[i]
		visit(&e)
	}
	return end < len(*t), nil
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// event returns an event of a flow that had some packets of 100 bytes in each direction.
func event(id flow.ID, kind flow.EventType, packets uint64) flow.Event {
	return flow.Event{
		Type: kind, ID: id, Time: noon, Age: 2 * time.Second, From: flow.StateEstablished, To: flow.StateEstablished,
		Tuple: flow.Tuple{
			Proto: flow.ProtocolTCP, VLAN: 7,
			Src: flow.MustParseEnd("192.0.2.1:40000"), Dst: flow.MustParseEnd("192.0.2.2:443"),
		},
		Origin: flow.Half{Packets: packets, Bytes: 100 * packets, RTT: 1500 * time.Microsecond, Retransmits: 3},
		Reply:  flow.Half{Packets: 2 * packets, Bytes: 200 * packets, RTT: 7 * time.Microsecond, ZeroWindows: 4},
	}
}

// collector is a collector over UDP or TCP that decodes what it gets.
type collector struct {
	t       *testing.T
	address string
	packets net.PacketConn
	decoder ipfixtest.Decoder
	// next are the sequence numbers that the next messages should have, by domain.
	next     map[uint32]uint32
	messages []*ipfixtest.Message
}

func listenUDP(t *testing.T, address string) *collector {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &collector{t: t, next: map[uint32]uint32{}, packets: conn, address: conn.LocalAddr().String()}
}

// receive reads one datagram.
func (c *collector) receive() *ipfixtest.Message {
	c.t.Helper()
	b := make([]byte, 1<<16)
	if err := c.packets.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	n, _, err := c.packets.ReadFrom(b)
	if err != nil {
		c.t.Fatal(err)
	}
	if n > maxDatagram {
		c.t.Errorf("a datagram of %d bytes", n)
	}
	m, err := c.decoder.Decode(b[:n])
	if err != nil {
		c.t.Fatal(err)
	}
	c.messages = append(c.messages, m)
	return m
}

// flows reads until there are n records of flows, and checks the numbers.
func (c *collector) flows(n int) (all []ipfixtest.Record) {
	c.t.Helper()
	for len(all) < n {
		m := c.receive()
		if next := c.next[m.Domain]; m.Sequence != next {
			c.t.Errorf("message %d has the number %d, not %d", len(c.messages), m.Sequence, next)
		}
		c.next[m.Domain] = m.Sequence + m.Records()
		all = append(all, m.Flows()...)
	}
	return all
}

// exporter returns an exporter to collectors.
func exporter(t *testing.T, source Source, process bool, to ...string) *Exporter {
	t.Helper()
	o := Options{
		Source: source, Active: time.Minute, Domain: 9, Process: process, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Interfaces: func() []flow.Interface {
			return []flow.Interface{{Name: "a", Index: 4, Role: flow.RoleWire}, {Name: "b", Index: 5, Role: flow.RoleWire}}
		},
	}
	for _, one := range to {
		a, err := ParseAddress(one)
		if err != nil {
			t.Fatal(err)
		}
		o.Collectors = append(o.Collectors, a)
	}
	return New(o)
}

// compare compares fields of IANA's registry, and, with the enterprise's bit, of ctop's.
func compare(t *testing.T, r ipfixtest.Record, want map[ipfixtest.Key]uint64) {
	t.Helper()
	for key, value := range want {
		if _, ok := r[key]; !ok {
			t.Errorf("no element %d/%d", key.Enterprise, key.ID)
		} else if got := r.UintOf(key.Enterprise, key.ID); got != value {
			t.Errorf("element %d/%d is %d, not %d", key.Enterprise, key.ID, got, value)
		}
	}
}

// A flow that ends has a record with both directions.
func TestRecord(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	e := exporter(t, &table{}, false, c.address)
	e.Start()
	end := event(0x1234567890abcdef, flow.EventDestroy, 10)
	end.Reason, end.Direction, end.To, end.In = flow.ReasonRST, flow.Reply, flow.StateNone, 1
	end.Invalid, end.Related = 5, 6
	e.Observe(&end)
	r := c.flows(1)[0]
	const reverse, own = 29305, 32473 // RFC 5103, RFC 5612
	compare(t, r, map[ipfixtest.Key]uint64{
		{ID: 148}: 0x1234567890abcdef, {ID: 152}: uint64(noon.UnixMilli() - 2000), {ID: 153}: uint64(noon.UnixMilli()), {ID: 161}: 2000,
		{ID: 4}: 6, {ID: 8}: 0xc0000201, {ID: 12}: 0xc0000202, {ID: 7}: 40000, {ID: 11}: 443,
		{ID: 1}: 820, {Enterprise: reverse, ID: 1}: 1640, {ID: 2}: 10, {Enterprise: reverse, ID: 2}: 20, {ID: 352}: 1000, {Enterprise: reverse, ID: 352}: 2000,
		{ID: 10}: 5, {ID: 14}: 4, {ID: 61}: 0, {ID: 243}: 7, {ID: 245}: 0, {ID: 239}: 1, {ID: 136}: 3,
		{Enterprise: own, ID: 1}: 4, {Enterprise: own, ID: 2}: 1, {Enterprise: own, ID: 3}: 2, {Enterprise: own, ID: 8}: 5, {Enterprise: own, ID: 9}: 6,
		{Enterprise: own, ID: 4}: 1500, {Enterprise: own, ID: 4 | 0x4000}: 7, {Enterprise: own, ID: 5}: 3, {Enterprise: own, ID: 5 | 0x4000}: 0, {Enterprise: own, ID: 6}: 0, {Enterprise: own, ID: 6 | 0x4000}: 0,
		{Enterprise: own, ID: 7}: 0, {Enterprise: own, ID: 7 | 0x4000}: 4,
	})
	if n := len(r); n != 35 {
		t.Errorf("it has %d elements", n)
	}
	e.Finish(false)
	if s := e.Stats()[0]; s.Sent != 1 || s.Dropped != 0 || !s.Up {
		t.Errorf("%+v", s)
	}
}

// The templates are there first, ICMP and IPv6 have their own, and each of ctop's elements
// is described.
func TestTemplates(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	e := exporter(t, &table{}, true, c.address)
	e.Start()
	defer e.Finish(false)
	six := event(1, flow.EventDestroy, 1)
	six.Tuple = flow.Tuple{
		Proto: flow.ProtocolICMPv6, ICMPType: 128, ICMPCode: 3, ICMPID: 77,
		Src: flow.MustParseEnd("[2001:db8::1]:0"), Dst: flow.MustParseEnd("[2001:db8::2]:0"),
	}
	six.Holding.Process = &flow.Process{Name: "ping"}
	e.Observe(&six)
	r := c.flows(1)[0]
	compare(t, r, map[ipfixtest.Key]uint64{{ID: 139}: 128<<8 | 3, {Enterprise: Enterprise, ID: 10}: 77, {ID: 4}: 58})
	if r.Text(Enterprise, 11) != "ping" || netip.AddrFrom16([16]byte(r[ipfixtest.Key{ID: 27}])).String() != "2001:db8::1" {
		t.Errorf("%v", r)
	}
	described := map[uint64]ipfixtest.Record{}
	for _, m := range c.messages {
		for _, s := range m.Sets {
			for _, r := range s.Records {
				if s.Template.Scopes == 2 {
					described[r.Uint(303)] = r
				}
			}
		}
	}
	for key := range r {
		if key.Enterprise == Enterprise && described[uint64(key.ID)] == nil {
			t.Errorf("element %d is not described", key.ID)
		}
	}
	rtt := described[4]
	compare(t, rtt, map[ipfixtest.Key]uint64{{ID: 346}: Enterprise, {ID: 339}: 3, {ID: 344}: 1, {ID: 345}: 7})
	if rtt.Text(0, 341) != "handshakeRTT" {
		t.Errorf("%q", rtt.Text(0, 341))
	}
}

// Templates come again, and what was not sent is told.
func TestRefresh(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	e := exporter(t, &table{}, false, c.address)
	e.senders[0].refresh = 10 * time.Millisecond
	e.senders[0].counts.drop(2, volume{packets: 30, octets: 4000})
	e.Start()
	templates, told := 0, 0
	for templates < 12 || told < 3 { // of flows in four kinds, of options in two
		m := c.receive()
		templates += m.Templates
		for _, s := range m.Sets {
			for _, r := range s.Records {
				if s.Template.Scopes == 1 {
					compare(t, r, map[ipfixtest.Key]uint64{{ID: 144}: 1, {ID: 166}: 2, {ID: 167}: 30, {ID: 168}: 4000})
					told++
				}
			}
		}
		if wrong := m.Domain == 0 && len(m.Flows()) > 0 || m.Domain == 9 && m.Records() > uint32(len(m.Flows())); wrong {
			t.Errorf("domain %d has %d records, of which %d are of flows", m.Domain, m.Records(), len(m.Flows()))
		}
	}
	e.Finish(false)
}

// A flow that goes on has a record each time that it is due, and all of them together are
// what it had.
func TestActive(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	source := table{event(1, flow.EventUpdate, 10), event(2, flow.EventUpdate, 1)}
	source[0].Age = time.Minute
	e := exporter(t, &source, false, c.address)
	e.endsIn = time.Minute // on a busy machine
	e.Start()
	read := func() {
		t.Helper()
		if _, err := e.readOnce(t.Context(), e.exportActive, 0); err != nil {
			t.Fatal(err)
		}
	}
	read()
	compare(t, c.flows(1)[0], map[ipfixtest.Key]uint64{{ID: 148}: 1, {ID: 136}: 2, {ID: 2}: 10, {ID: 1}: 820})
	source[0].Time, source[0].Age = noon.Add(59*time.Second), 119*time.Second
	source[0].Origin.Packets, source[0].Origin.Bytes = 15, 1500
	read() // not yet
	source[0].Time, source[0].Age = noon.Add(time.Minute), 2*time.Minute
	read()
	read() // not again
	compare(t, c.flows(1)[0], map[ipfixtest.Key]uint64{
		{ID: 148}: 1, {ID: 136}: 2, {ID: 2}: 5, {ID: 1}: 410, {Enterprise: 29305, ID: 2}: 0, {ID: 152}: uint64(noon.UnixMilli()),
	})
	source[0].Time = noon.Add(time.Hour)
	read() // it had nothing since
	end := source[0]
	end.Type, end.Reason, end.Time = flow.EventDestroy, flow.ReasonExpired, noon.Add(2*time.Hour)
	end.Origin.Packets, end.Origin.Bytes = 16, 1600
	e.Observe(&end)
	compare(t, c.flows(1)[0], map[ipfixtest.Key]uint64{{ID: 148}: 1, {ID: 136}: 1, {ID: 2}: 1, {ID: 1}: 82})
	source = source[1:]
	e.Finish(true)
	compare(t, c.flows(1)[0], map[ipfixtest.Key]uint64{{ID: 148}: 2, {ID: 136}: 2, {ID: 2}: 1})
	if len(e.accounts) != 1 {
		t.Errorf("%d accounts", len(e.accounts))
	}
}

// A flow that had a record and then nothing any more ends with its last packet.
func TestSilentEnd(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	source := table{event(1, flow.EventUpdate, 10)}
	source[0].Age, source[0].Idle = time.Minute, 10*time.Second
	e := exporter(t, &source, false, c.address)
	e.Start()
	if _, err := e.readOnce(t.Context(), e.exportActive, 0); err != nil {
		t.Fatal(err)
	}
	end := source[0]
	end.Type, end.Reason, end.Time, end.Idle = flow.EventDestroy, flow.ReasonExpired, noon.Add(time.Minute), 70*time.Second
	e.Observe(&end)
	last := uint64(noon.Add(-10 * time.Second).UnixMilli())
	for _, r := range c.flows(2) {
		compare(t, r, map[ipfixtest.Key]uint64{{ID: 153}: last})
	}
	source = nil
	e.Finish(false)
}

// Flows of a tracker that was running before count from then on.
func TestBegin(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	source := table{event(1, flow.EventUpdate, 10)}
	e := exporter(t, &source, false, c.address)
	if err := e.Begin(); err != nil {
		t.Fatal(err)
	}
	e.Start()
	end := event(1, flow.EventDestroy, 12)
	e.Observe(&end)
	compare(t, c.flows(1)[0], map[ipfixtest.Key]uint64{{ID: 2}: 2, {ID: 1}: 164})
	source = nil
	e.Finish(false)
}

// The account of a flow whose end nobody saw goes, but not before its event can arrive.
func TestAccountsAreForgotten(t *testing.T) {
	source := table{event(1, flow.EventUpdate, 10)}
	e := exporter(t, &source, false)
	if err := e.Begin(); err != nil {
		t.Fatal(err)
	}
	source = nil
	for i, want := range []int{1, 0} {
		if _, err := e.readOnce(t.Context(), e.exportActive, 0); err != nil || len(e.accounts) != want {
			t.Errorf("after reading %d: %d accounts, %v", i+1, len(e.accounts), err)
		}
	}
}

// Every reason has its flowEndReason.
func TestEndReasons(t *testing.T) {
	want := map[flow.Reason]endReason{
		flow.ReasonNone: 2, flow.ReasonRST: 3, flow.ReasonClosed: 3, flow.ReasonExpired: 1,
		flow.ReasonDeleted: 4, flow.ReasonEvicted: 5, flow.ReasonReused: 3, flow.ReasonReset: 4,
	}
	for _, r := range append(flow.Reasons(), flow.ReasonNone) {
		if got := endReasonOf(r); got != want[r] {
			t.Errorf("%s: %d, not %d", r, got, want[r])
		}
	}
}

// Addresses of collectors.
func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "udp://192.0.2.1:4739", "192.0.2.1:9995": "udp://192.0.2.1:9995", "udp://flows.example": "udp://flows.example:4739",
		"tcp://[2001:db8::1]:4740": "tcp://[2001:db8::1]:4740", "tcp://[2001:db8::1]": "tcp://[2001:db8::1]:4739", "2001:db8::1": "udp://[2001:db8::1]:4739",
		"": "", "sctp://192.0.2.1": "", "192.0.2.1:0": "", "192.0.2.1:65535": "udp://192.0.2.1:65535", "192.0.2.1:65536": "", "192.0.2.1:131071": "", "192.0.2.1:x": "", ":4739": "", "a:b:c": "", "udp://": "", "host/path": "",
		"foo": "", "on": "", "foo:4739": "udp://foo:4739", "udp://foo": "udp://foo:4739", "flows.example": "udp://flows.example:4739",
	} {
		a, err := ParseAddress(s)
		if (err != nil) != (want == "") || err == nil && a.String() != want {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
}

// A collector is told how many packets and octets of both directions were dropped.
func TestDroppedVolume(t *testing.T) {
	e := exporter(t, &table{}, false, "192.0.2.1:4739")
	e.senders[0].queue.limit = 0
	for range 2 {
		end := event(1, flow.EventDestroy, 10)
		e.Observe(&end)
	}
	c := &e.senders[0].counts
	if records, packets, octets := c.dropped.Load(), c.droppedPackets.Load(), c.droppedOctets.Load(); records != 2 || packets != 60 || octets != 2*(820+1640) {
		t.Errorf("%d records with %d packets and %d octets are dropped", records, packets, octets)
	}
}

// A queue that is full drops, and the record after tells how many.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	q.limit = 2
	for i, want := range []bool{true, true, false, false} {
		got := q.hasRoom()
		if got != want {
			t.Errorf("record %d: %v", i, got)
		}
		if got {
			q.push(queued{template: uint16(i)})
		}
	}
	q.pop()
	if !q.hasRoom() {
		t.Error("no room after one was taken")
	}
	q.push(queued{template: 9})
	q.pop()
	if r, ok := q.peek(); !ok || r.template != 9 || r.missing != 2 {
		t.Errorf("%+v, %v", r, ok)
	}
}

// A table of one chunk is read without a pause, and a longer one spread over the time.
func TestPauseFor(t *testing.T) {
	for places, want := range map[int]time.Duration{
		0: 0, chunk: 0, 2*chunk - 1: 0, 2 * chunk: 5 * time.Second, 10 * chunk: time.Second,
	} {
		if got := pauseFor(10*time.Second, places); got != want {
			t.Errorf("%d places: %s, want %s", places, got, want)
		}
	}
}
