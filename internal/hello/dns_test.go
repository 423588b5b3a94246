package hello

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ctop/tracker/flow"
)

// question returns a question for addresses.
func question(t testing.TB, id uint16, name string) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	return pack(t, m)
}

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reply returns an answer with addresses, by way of an alias if there is one.
func reply(t testing.TB, id uint16, name, alias string, addresses ...string) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true}, Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	owner := dnsmessage.MustNewName(name)
	if alias != "" {
		to := dnsmessage.MustNewName(alias)
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: header(owner, 30), Body: &dnsmessage.CNAMEResource{CNAME: to}})
		owner = to
	}
	for _, text := range addresses {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: header(owner, 300), Body: address(text)})
	}
	return pack(t, m)
}

func header(owner dnsmessage.Name, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: ttl}
}

func address(text string) dnsmessage.ResourceBody {
	a := netip.MustParseAddr(text)
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// An answer has the addresses of the name that was asked for, also by way of aliases in any
// order, and of no other name.
func TestDNS(t *testing.T) {
	a, isAnswer, ok := ReadDNS(reply(t, 7, "WWW.Example.org.", "cdn.example.net.", "192.0.2.7", "2001:db8::7"))
	want := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}
	if !ok || !isAnswer || a.ID != 7 || a.Name != "www.example.org" || !slices.Equal(a.Addresses, want) || a.TTL != 30*time.Second {
		t.Errorf("%+v, %t, %t", a, isAnswer, ok)
	}
	if a, isAnswer, ok := ReadDNS(question(t, 7, "www.example.org.")); isAnswer || !ok || a.Name != "www.example.org" || a.Addresses != nil {
		t.Errorf("a question: %+v, %t, %t", a, isAnswer, ok)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET,
	}}}
	name := dnsmessage.MustNewName
	alias := func(from, to string) dnsmessage.Resource {
		return dnsmessage.Resource{Header: header(name(from), 60), Body: &dnsmessage.CNAMEResource{CNAME: name(to)}}
	}
	m.Answers = []dnsmessage.Resource{
		{Header: header(name("c.example."), 60), Body: address("192.0.2.1")},
		{Header: header(name("z.example."), 60), Body: address("192.0.2.9")},
		alias("b.example.", "C.example."), alias("a.example.", "b.example."),
	}
	if a, _, ok := ReadDNS(pack(t, m)); !ok || len(a.Addresses) != 1 || a.Addresses[0].String() != "192.0.2.1" {
		t.Errorf("aliases in another order: %+v, %t", a, ok)
	}
	m.Answers = []dnsmessage.Resource{alias("a.example.", "b.example."), alias("b.example.", "a.example.")}
	if a, _, ok := ReadDNS(pack(t, m)); !ok || a.Addresses != nil {
		t.Errorf("a ring of aliases: %+v, %t", a, ok)
	}
	m.RCode = dnsmessage.RCodeNameError
	if _, isAnswer, ok := ReadDNS(pack(t, m)); isAnswer || ok {
		t.Errorf("an error: %t, %t", isAnswer, ok)
	}
}

// A name holds as long as its answer says, within bounds, and for the client that asked.
func TestAnswers(t *testing.T) {
	var all Answers
	now := time.Now()
	client, other, server := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("192.0.2.1")
	tell := func(name string, ttl time.Duration, at time.Time) {
		all.Add(client, &Answer{Question: Question{Name: name}, Addresses: []netip.Addr{server}, TTL: ttl}, at)
	}
	if all.Name(client, server, now) != "" {
		t.Error("a name of nothing")
	}
	tell("first", 2*time.Minute, now)
	for _, c := range []struct {
		client netip.Addr
		after  time.Duration
		want   string
	}{{client, 0, "first"}, {client, 119 * time.Second, "first"}, {client, 2 * time.Minute, ""}, {other, 0, ""}} {
		if got := all.Name(c.client, server, now.Add(c.after)); got != c.want {
			t.Errorf("%v after %s: %q", c.client, c.after, got)
		}
	}
	tell("second", 0, now)
	if all.Name(client, server, now.Add(59*time.Second)) != "second" || all.Name(client, server, now.Add(time.Minute)) != "" {
		t.Error("the shortest time is not a minute")
	}
	tell("third", 48*time.Hour, now)
	if all.Name(client, server, now.Add(time.Hour)) != "" || all.Len() != 1 {
		t.Error("the longest time is not an hour")
	}
	at := server
	for range mostAnswers {
		at = at.Next()
		all.Add(client, &Answer{Question: Question{Name: "x"}, Addresses: []netip.Addr{at}}, now)
	}
	if all.Len() != mostAnswers || all.Name(client, server, now) != "" || all.Name(client, at, now) != "x" {
		t.Errorf("%d addresses have names", all.Len())
	}
}

// packetOf returns a packet of DNS in a flow.
func packetOf(message []byte, d flow.Direction) *flow.Packet {
	return &flow.Packet{
		Data: append(make([]byte, 42), message...), Payload: 42, Direction: d, Time: time.Now(),
		Ref: flow.Ref{ID: 1, Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:4000"), Dst: flow.MustParseEnd("10.0.0.2:53")}},
	}
}

// Of an answer that nobody asked for, which anybody can send, no record is read.
func TestUnaskedAnswers(t *testing.T) {
	var addresses []string
	for range mostRecords {
		addresses = append(addresses, "192.0.2.1")
	}
	name := strings.Repeat("a.", 100)
	forged := packetOf(reply(t, 8, name, "", addresses...), flow.Reply)
	var r Reader
	r.Packet(packetOf(question(t, 7, name), flow.Origin))
	if n := testing.AllocsPerRun(10, func() { r.Packet(forged) }); n > 2 || r.Answers.Len() > 0 {
		t.Errorf("%v allocations, %d answers", n, r.Answers.Len())
	}
}

// Records that are no addresses count, too.
func TestMostRecords(t *testing.T) {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	owner := dnsmessage.MustNewName("a.example.")
	for range mostRecords {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: header(owner, 60), Body: &dnsmessage.TXTResource{TXT: []string{""}}})
	}
	m.Answers = append(m.Answers, dnsmessage.Resource{Header: header(owner, 60), Body: address("192.0.2.1")})
	if a, _, _ := ReadDNS(pack(t, m)); len(a.Addresses) != 0 {
		t.Errorf("%v", a.Addresses)
	}
}

// A question that was answered with an error waits for nothing, so nothing is dropped.
func TestErrorAnswers(t *testing.T) {
	var r Reader
	for id := range uint16(2*mostWaiting + 1) {
		r.Packet(packetOf(question(t, id, "a.example."), flow.Origin))
		answer := reply(t, id, "a.example.", "")
		answer[3] |= byte(dnsmessage.RCodeNameError)
		r.Packet(packetOf(answer, flow.Reply))
	}
	if n := r.Counts().Dropped; n > 0 {
		t.Errorf("%d dropped", n)
	}
}

// A question that nobody answers is not dropped when it gives way to others much later, but
// one that gives way at once is.
func TestUnansweredQuestions(t *testing.T) {
	for after, want := range map[time.Duration]uint64{mostWait: 0, time.Second: 1} {
		var r Reader
		for id := range uint16(mostWaiting + 1) {
			p := packetOf(question(t, id, "a.example."), flow.Origin)
			if id == mostWaiting {
				p.Time = p.Time.Add(after)
			}
			r.Packet(p)
		}
		if n := r.Counts().Dropped; n != want {
			t.Errorf("%s later: %d dropped, want %d", after, n, want)
		}
	}
}
